"""A task's folder: open it, keep its journal, complete it, collect the reply.

A process that changes a task holds it (`turns.task_lock`), or its agent's lock (`turns.spool`). `prompt.md`
is on disk before the task exists; `.done` is written after `reply.md` and holds
its sha256, so its existence means that the reply is complete.
"""

from __future__ import annotations

import os

from flowloom.clock import wall_s
from flowloom.errors import DamagedFile, NoSuchAgent, NoSuchTask
from flowloom.store import files, layout, news
from flowloom.store.document import Documents
from flowloom.store.layout import AgentRef
from flowloom.store.log import log
from flowloom.tasks import index_files
from flowloom.tasks.frame import arrives_exactly, valid
from flowloom.tasks.record import empty_task, task_from
from flowloom.tasks.steps import ENDED, FAILURES, FOLLOWS, Step

TYPE_CHECKING = False
if TYPE_CHECKING:
    from flowloom.tasks.record import Task

# Without letters that look like digits.
ALPHABET = "abcdefghjkmnpqrstuvwxyz23456789"
# A new reply is on disk before its marker, so a reader can find the two out of step. How often it tries again.
RENEWALS = 10


def open_task(
    agent_id: str, agent: AgentRef, prompt: str, *, asker: str, asker_kind: str, to: str = "", draft_known: bool = False
) -> Task:
    """Make a task's folder with the prompt in it and return the task; nothing is sent yet.

    `to` is who was asked for, where that is not the agent's id.
    With `draft_known` the agent's `drafts/` maps the prompt to the task, so that the
    same draft finds it even if its asker was killed.
    """
    task_id = _new_folder()
    folder, task = layout.task_dir(task_id), empty_task(task_id, agent_id, agent, to=to)
    try:
        data = prompt.encode("utf-8", "surrogateescape")
        files.write(layout.prompt(task_id), data)
        task.update(
            {
                "asker": asker,
                "asker_kind": asker_kind,
                "created": round(wall_s(), 6),
                "prompt_sha256": files.sha256(data),
                "prompt_bytes": len(data),
                "exact": arrives_exactly(prompt),
            }
        )
        if draft_known:
            _remember_draft(task)
        note_step(task, Step.CREATED, f"asked by {asker}")
    except OSError:
        # A full disk, for example: the asker gets the error and still has the prompt.
        _take_away(folder)
        index_files.forget(task)
        if draft_known:
            _forget_draft(layout.asked_draft(agent, files.sha256(data)), task_id)
        raise
    return task


def agent_of(task: Task) -> AgentRef:
    """Return the agent that has a task.

    Raises:
        NoSuchAgent: no agent has taken it yet.
    """
    agent = task["agent"]
    if agent is None:
        raise NoSuchAgent(f"task {task['task_id']} for {task['to']} has no agent yet")
    return AgentRef(agent["project"], agent["name"])


def _remember_draft(task: Task) -> None:
    agent = agent_of(task)
    try:
        files.ensure_dir(layout.asked_drafts_dir(agent))
        files.write(layout.asked_draft(agent, task["prompt_sha256"]), task["task_id"].encode(), durable=False)
    except OSError as error:
        # This only helps to recognise the same draft later; the task works without it.
        log("error", "tasks", f"its draft is not remembered: {error}", task=task["task_id"])


def _forget_draft(path: str, task_id: str) -> None:
    try:
        if files.read(path) == task_id.encode():
            os.unlink(path)
    except OSError:
        pass  # it maps to no task, so sending this draft again raises no question


def _take_away(folder: str) -> None:
    with os.scandir(folder) as entries:
        for entry in entries:
            os.unlink(entry.path)
    os.rmdir(folder)


def _new_folder() -> str:
    files.ensure_dir(layout.tasks_dir())
    length = 4
    while True:
        for _ in range(8):
            task_id = "".join(ALPHABET[byte % len(ALPHABET)] for byte in os.urandom(length))
            try:
                os.mkdir(layout.task_dir(task_id), 0o700)
            except FileExistsError:
                continue
            return task_id
        length += 1


# A wait reads its task at every step, and seldom finds another record.
_records = Documents(task_from)


def read(task_id: str) -> Task:
    """Return a task.

    Raises:
        NoSuchTask: no task has this id.
        DamagedFile: its record is invalid.
    """
    path = layout.task_named(task_id)
    task = _records.read(path) if path else None
    if task is None:
        raise NoSuchTask(f"there is no task {task_id}")
    return task  # type: ignore[return-value]


def find(task_id: str | None) -> Task | None:
    """Return a task; None if there is none or its record is damaged."""
    if not task_id:
        return None
    try:
        return read(task_id)
    except (NoSuchTask, DamagedFile):
        return None


def write(task: Task) -> None:
    """Replace a task's record and wake the processes that wait for it or for its agent."""
    path = layout.task(task["task_id"])
    index_files.add(task)
    _records.write(path, task)
    index_files.agree(task)
    files.wake(os.path.dirname(path))
    if task["agent"] is not None:
        files.wake(layout.agent_dir(agent_of(task)))
    if task["left"]:
        # A process that waits for a task sees its end; the end of a task that was left is news.
        news.note(news.REPLY, task["task_id"], unread(task))
        news.note(news.FAILED, task["task_id"], unseen_failure(task))


def unread(task: Task) -> bool:
    """Tell whether a task has an unread reply."""
    return task["status"] is Step.DONE and task["read"] is None


def unseen_failure(task: Task) -> bool:
    """Tell whether a task that was left ended without a reply and has not been looked at since."""
    return task["left"] and task["status"] in FAILURES and task["read"] is None


def note_step(task: Task, step: Step, why: str, *, at: float | None = None) -> bool:
    """Move a task to `step` if that may follow, and record it; return whether it moved. `at` is when, if not now."""
    if task["journal"] and step not in FOLLOWS[task["status"]]:
        return False
    task["status"] = step
    if not (step is Step.CREATED and _tried_again(task, why)):
        task["journal"].append({"at": round(wall_s() if at is None else at, 3), "step": step, "why": why})
    if step in FAILURES or step is Step.CANCELLED:
        task["error"], task["read"] = why, None
    write(task)
    return True


def _tried_again(task: Task, why: str) -> bool:
    """Remove a repeated attempt with the same outcome from the journal, so that one entry stands for all of them."""
    steps = [entry["step"] for entry in task["journal"]]
    last = len(steps) - 1 - steps[::-1].index(Step.CREATED) if Step.CREATED in steps else -1
    if last < 0 or task["journal"][last]["why"] != why:
        return False
    if set(steps[last + 1 :]) - {Step.TYPED, Step.PASTED}:
        return False
    del task["journal"][last + 1 :]
    return True


def note_fact(task: Task, text: str) -> None:
    """Add a note that changes no state."""
    task["notes"].append(text)
    write(task)


def prompt_of(task: Task) -> str:
    """Return the prompt as it was asked; bytes that are not UTF-8 become surrogates."""
    raw = files.read(layout.prompt(task["task_id"]))
    return (raw or b"").decode("utf-8", "surrogateescape")


def prompt_kept(task: Task) -> bool:
    """Tell whether `prompt.md` is unchanged since the task was created."""
    raw = files.read(layout.prompt(task["task_id"]))
    return raw is not None and (not task["prompt_sha256"] or files.sha256(raw) == task["prompt_sha256"])


def complete(task: Task, message: str, why: str, *, cut: str = "") -> None:
    """Write the reply, then its marker; the same message twice changes nothing.

    `cut` says how it was joined from parts; hearing its last part alone again changes nothing either.
    Half characters become U+FFFD, which the task records as `replaced`.
    """
    task_id, text = task["task_id"], valid(message)
    data = text.encode()
    digest = files.sha256(data)
    marker = files.read(layout.marker(task_id))
    if task["status"] is Step.DONE and marker is not None and marker.strip() == digest.encode():
        return
    if task["cut"] and not cut and (files.read(layout.reply(task_id)) or b"").endswith(data):
        return
    # A parked task's reply can be its provisional one, in which half characters were already replaced.
    task["replaced"] = text != message or (task["replaced"] and task["status"] is Step.PARKED)
    task["cut"] = cut
    files.write(layout.reply(task_id), data)
    files.write(layout.marker(task_id), (digest + "\n").encode())
    renewed = task["status"] is Step.DONE
    if renewed:
        # A reply that was already read is no longer the latest one.
        task["read"] = None
        note_fact(task, f"the reply was replaced: {why}")
    else:
        # A person who looked at the failure has not seen the reply.
        task["error"], task["read"] = "", None
        note_step(task, Step.DONE, why)


def park(task: Task, message: str, why: str, *, at: float | None = None) -> None:
    """Store a reply that may still be replaced by a later one, which is waited for from `at` on."""
    text = valid(message)
    task["replaced"] = text != message
    files.write(layout.provisional(task["task_id"]), text.encode())
    note_step(task, Step.PARKED, why, at=at)


def reply_of(task_id: str) -> bytes | None:
    """Return the complete reply of a task, None while there is none.

    Raises:
        DamagedFile: the marker does not match the reply.
    """
    done, path = layout.marker(task_id), layout.reply(task_id)
    for _ in range(RENEWALS):
        marker, reply = files.read(done), files.read(path)
        if marker is None:
            return None
        if reply is not None and files.sha256(reply) == marker.decode(errors="replace").strip():
            return reply
        # The writer is between the two files, or was killed there. A reply file is always whole, so a newer one counts.
        try:
            newer = os.stat(path).st_mtime_ns >= os.stat(done).st_mtime_ns
        except FileNotFoundError:
            continue
        if newer and reply is not None and files.read(path) == reply:
            return reply
    raise DamagedFile(f"{path} is not the reply that {done} was written for", hint="look at both")


def provisional_of(task_id: str) -> bytes | None:
    """Return the provisional reply of a parked task, None if there is none."""
    return files.read(layout.provisional(task_id))


def on_its_way(task_id: str) -> bool:
    """Tell whether a task's text has been sent, or is being sent, and no more is known of it."""
    task = find(task_id)
    return task is not None and task["status"] in (Step.TYPED, Step.PASTED)


def ended(task: Task) -> bool:
    """Tell whether a task has ended."""
    return task["status"] in ENDED


def all_ids() -> list[str]:
    """Return the ids of all tasks, the folder that changed longest ago first."""
    return [task_id for _, task_id in sorted(changed())]


def changed() -> list[tuple[int, str]]:
    """Return when each task's folder last changed, in nanoseconds, and its id, in no order.

    Every file of a task is renamed into place, which changes the folder.
    """
    top = layout.tasks_dir()
    found = []
    try:
        with os.scandir(top) as entries:
            for entry in entries:
                try:
                    if entry.is_dir():
                        found.append((entry.stat().st_ctime_ns, entry.name))
                except OSError:
                    continue  # it was removed just now, or is a link that leads nowhere
    except FileNotFoundError:
        return []
    return found


def changed_ns(task_id: str) -> int:
    """Return when a task's folder last changed, in nanoseconds; 0 where it is gone."""
    try:
        return os.stat(layout.task_dir(task_id)).st_ctime_ns
    except OSError:
        return 0


def of_agent(agent_id: str) -> list[Task]:
    """Return all readable tasks of one agent, in the order in which they were asked."""
    found = [task for task_id in all_ids() if (task := find(task_id)) and task["agent_id"] == agent_id]
    return sorted(found, key=lambda task: task["created"])
