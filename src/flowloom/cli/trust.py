"""The command `trust`: the user agrees to the values in a project's flowloom.toml."""

from __future__ import annotations

import sys

from flowloom.cli import person
from flowloom.cli.busy import agreed
from flowloom.cli.options import YES, as_value, flag
from flowloom.cli.output import print_line
from flowloom.cli.program import command
from flowloom.config import settings as config
from flowloom.config import trust
from flowloom.errors import Stopped, UsageError
from flowloom.ports import git
from flowloom.store import projects


@command("trust", flag("--undo", help="Withdraw your agreement."), YES)
def trust_project(undo: bool, yes: bool) -> int:
    """Agree to the values in this project's flowloom.toml.

    Until then, its agents, roles, directories and prompts are ignored. If the file changes, you must agree again.
    """
    root = git.project_root(projects.here())
    if undo:
        taken = trust.take_back(root)
        sys.stderr.write(
            f"{root} is no longer trusted\n"
            if taken
            else f"nothing to undo: you have not agreed to {config.FILE} of {root}\n"
        )
        return 0
    person.refuse_model("trust a project", "flowloom trust")
    found = config.explain(root)
    if not found.digest:
        raise UsageError(f"there is no {config.FILE} in {root}", hint="there is nothing to agree to")
    asked = [each for each in found.ignored if each.why == trust.NOT_AGREED]
    for each in found.ignored:
        refused = "" if each in asked else f"  ({each.why})"
        print_line(f"{each.key} = {as_value(each.value)}{refused}")
    if not asked:
        sys.stderr.write(f"nothing to agree to: {_why(found)}\n")
        return 0
    if not yes:
        if not sys.stdin.isatty():
            raise UsageError("there is no terminal to ask on; nothing was changed", hint="agree with: --yes")
        if not agreed(f"Use these values of {root}/{config.FILE}?"):
            raise Stopped("nothing was changed")
    trust.agree(root, found.digest)
    sys.stderr.write(f"{root}/{config.FILE} is trusted as it is now; to undo: flowloom trust --undo\n")
    return 0


def _why(found: config.ExplainedSettings) -> str:
    """Return why nothing of a project's file waits for an agreement."""
    if found.agreed_by:
        return f"{config.FILE} is trusted already (by {found.agreed_by}); see what it sets: flowloom config"
    return f"{config.FILE} sets nothing that needs it; see: flowloom config"
