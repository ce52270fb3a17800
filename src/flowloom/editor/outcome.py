"""How a Ctrl-G ends."""

from __future__ import annotations

from flowloom.store.closed_set import StrEnum


class Outcome(StrEnum):
    """What became of the prompt file. A failure is an error and none of these: the file is untouched then."""

    REPLIED = "replied"  # it holds the replies
    LEFT = "left"  # it is empty; the prompt is kept with its task, or in a window of its own
    EDITED = "edited"  # it holds the draft, changed as the person chose
    UNCHANGED = "unchanged"  # it is untouched, as the person chose
    REAL_EDITOR = "real editor"  # it is untouched; `hooks/editor` opens it in the person's own editor

    @property
    def exit_code(self) -> int:
        """What `hooks/editor` understands."""
        return EXIT_CODES.get(self, 0)


EXIT_CODES = {Outcome.UNCHANGED: 130, Outcome.REAL_EDITOR: 112}
