"""Tasks of the past, by the thousand: read, ended, and with nothing left to do."""

from __future__ import annotations

import json
import os

from flowloom.clock import wall_s
from flowloom.store.layout import AgentRef
from flowloom.tasks import record as task_record
from flowloom.tasks.steps import Step


def make(home: str, many: int, *, agents: int = 50, slug: str = "site", days: float = 30.0) -> int:
    """Write `many` tasks below `home` that ended in the last `days` days, shared out among `agents`; return how many.

    The index is not written: whoever reads it first builds it.
    """
    began_s = wall_s() - days * 86400.0
    os.makedirs(f"{home}/tasks", mode=0o700, exist_ok=True)
    for number in range(many):
        name = f"old{number % agents}"
        task = task_record.empty_task(_id(number), f"{name}@{slug}", AgentRef(slug, name))
        at_s = began_s + number * days * 86400.0 / many
        task.update({"asker": "chief", "asker_kind": "chief", "created": at_s, "status": Step.DONE, "read": at_s + 9.0})
        task["journal"] = [
            {"at": at_s + later_s, "step": step, "why": "as it was asked"}
            for later_s, step in enumerate((Step.CREATED, Step.TYPED, Step.PASTED, Step.ACCEPTED, Step.DONE))
        ]
        folder = f"{home}/tasks/{_id(number)}"
        os.mkdir(folder, 0o700)
        for file_name, text in (("prompt.md", "an old prompt"), ("task.json", json.dumps(task, indent=1))):
            with open(f"{folder}/{file_name}", "w") as stream:
                stream.write(text)
    return many


def _id(number: int) -> str:
    """Return an id that no new task has: those begin with four characters."""
    letters = "abcdefghjkmnpqrstuvwxyz23456789"
    text = ""
    for _ in range(5):
        number, digit = divmod(number, len(letters))
        text += letters[digit]
    return text
