"""A task's text as a transport gets it."""

from __future__ import annotations

from flowloom.store import layout


class Text:
    """What opens a task's text, and its body with the line that ends it, each in a file of the task's folder."""

    __slots__ = ("body_path", "first_path", "stamp", "task_id")

    def __init__(self, task_id: str, stamp: str) -> None:
        self.task_id = task_id
        self.first_path = layout.frame(task_id, "first")
        self.body_path = layout.frame(task_id, "body")
        # Which process sends it. A transport refuses a text once another process has claimed the agent.
        self.stamp = stamp
