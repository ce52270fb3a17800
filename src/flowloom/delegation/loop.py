"""Waiting for the ends of tasks that are carried."""

from __future__ import annotations

import select

from flowloom.errors import FlowLoomError
from flowloom.store import layout

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from flowloom.clock import Deadline
    from flowloom.delegation.runner import Carrier, View


def await_ends(
    carriers: Sequence[Carrier],
    deadline: Deadline,
    on_views: Callable[[list[View]], bool],
    *,
    fds: Sequence[int] = (),
    any_of: bool = False,
) -> list[View] | None:
    """Step until all tasks have ended (one of them with `any_of`) and return the last views.

    Returns None when the deadline is over or `on_views` returns False. It sees
    every round of views, and is called at once when one of `fds` can be read.
    """
    views: list[View | None] = [None] * len(carriers)
    while True:
        for number, carrier in enumerate(carriers):
            seen = views[number]
            if seen is None or not seen.ended:
                views[number] = _stepped(carrier)
        shown = [view for view in views if view is not None]
        if not on_views(shown):
            return None
        if (any if any_of else all)(view.ended for view in shown):
            return shown
        if deadline.over():
            return None
        again_s = min(view.again_s for view in shown if not view.ended)
        pipes = [carrier.wake_fd for carrier in carriers]
        ready, _, _ = select.select([*pipes, *fds], [], [], deadline.within_s(again_s))
        if any(fd in ready for fd in fds) and not on_views(shown):
            return None


def _stepped(carrier: Carrier) -> View:
    """Return what a carrier's step shows.

    Raises:
        FlowLoomError: its hint names the task, which is kept and carried on.
    """
    goes_on = f"the task is kept: flowloom wait {carrier.task_id}, or flowloom cancel {carrier.task_id}"
    try:
        return carrier.step()
    except (OSError, FlowLoomError) as error:
        known = layout.trouble(error) if isinstance(error, OSError) else error
        if known is None:
            raise
        known.hint = f"{known.hint}; {goes_on}" if known.hint else goes_on
        raise known from error


def await_end(
    carrier: Carrier, deadline: Deadline, on_view: Callable[[View], bool], *, fds: Sequence[int] = ()
) -> View | None:
    """Do what `await_ends` does, for one task."""
    views = await_ends([carrier], deadline, lambda seen: on_view(seen[0]), fds=fds)
    return views[0] if views else None
