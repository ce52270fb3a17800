"""What the hooks of Claude Code say, in FlowLoom's terms. Every hook call loads this: standard library only."""

from __future__ import annotations

from flowloom.store import quick_json

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from flowloom.providers.protocol import Question, Report

HOOKS = {
    "SessionStart": "up",
    "UserPromptSubmit": "accept",
    "PermissionRequest": "ask",
    "Notification": "ask",
    "PostToolUse": "sign",
    "PostToolUseFailure": "sign",
    "Stop": "stop",
    "StopFailure": "fail",
    "SessionEnd": "end",
    "PermissionDenied": "notice",  # auto mode's safety check; 2.1.197 knows the name too
}
# What it reports, of the events that move an agent.
EVENTS = frozenset(HOOKS.values())
RECEIPT = "hook"
# How a session begins, and why one ends, by the words of the payload.
BEGAN = {"startup": "started", "resume": "resumed", "compact": "compacted", "clear": "cleared", "fork": "forked"}
ENDED = {"prompt_input_exit": "left", "logout": "logged out", "clear": "continues", "resume": "continues"}
# What is told beside the turns; of the kinds without a word, other hooks tell as well.
NOTICES = {
    "quota_auto_resume_disabled": "limit given up",
    "quota_auto_resume_stale": "limit over",
    **dict.fromkeys(
        ("idle_prompt", "auth_success", "agent_completed", "push_notification", "elicitation_complete"), ""
    ),
}
# The kinds of Notification that ask something, and of what kind the question is. The others only tell something.
_ASKING = {
    "": "permission",
    "permission_prompt": "permission",
    "worker_permission_prompt": "permission",
    "elicitation_dialog": "elicitation",
    "elicitation_url_dialog": "elicitation",
    "agent_needs_input": "question",
}

# What the session itself submits: background work has ended; a usage limit has reset (2.1.330).
_OWN = ("<task-notification>", "Your claude.ai usage limit has reset.")

# What to do about an error that Claude Code has a name for.
_WHAT_NOW = {
    "rate_limit": "send it again later",
    "overloaded": "send it again",
    "server_error": "send it again",
}


def report(payload: dict[str, Any]) -> Report | None:
    """Return what a hook's payload says in our words, None where it says nothing to us."""
    name = payload.get("hook_event_name", "")
    event = HOOKS.get(name)
    kind = str(payload.get("notification_type") or "") if name == "Notification" else ""
    event = event if kind in _ASKING else "notice"
    if event is None:
        return None
    said: Report = {
        "event": event,
        "session_id": payload.get("session_id", ""),
        "transcript": payload.get("transcript_path", ""),
        "prompt_id": payload.get("prompt_id"),
        "subagent": str(payload.get("agent_id") or ""),
    }
    if event == "up":
        said["source"] = BEGAN.get(payload.get("source", ""), "started")
    elif event == "accept":
        said["prompt"] = payload.get("prompt", "")
        if said["prompt"].lstrip().startswith(_OWN):
            said["source"] = "own"
            said["ended"] = _ended(said["prompt"])
    elif event == "ask":
        said["question"] = question(payload, _ASKING[kind])
    elif event == "sign":
        said["call"] = _call(payload)
    elif event == "stop":
        said["message"] = payload.get("last_assistant_message") or ""
        said["background"] = [_background(task) for task in payload.get("background_tasks") or [] if _awaited(task)]
    elif event == "fail":
        said["message"] = payload.get("last_assistant_message") or ""
        said["error"] = _error(str(payload.get("error") or "unknown"), said["message"])
        # A usage limit, which resets: the rate limit of an API says no time.
        limited = payload.get("error") == "rate_limit" and " resets " in said["message"]
        said.update({"limited": True} if limited else {})
    elif event == "notice":
        said["source"], said["message"] = _notice(payload, kind)
    elif event == "end":
        said["reason"] = ENDED.get(payload.get("reason", ""), "")
    return said


def _ended(prompt: str) -> list[str]:
    """Return the background work whose end a prompt tells of, by its ids."""
    # Not by `re`, which takes 4 ms to load.
    marked = [part.partition("</task-id>") for part in prompt.split("<task-id>")[1:]]
    return [name for name, end, _ in marked if end and 0 < len(name) <= 200 and not {"<", ">"} & set(name)]


def _notice(payload: dict[str, Any], kind: str) -> tuple[str, str]:
    """Return the kind and the words of what is told beside the turns: a Notification, or a call that was denied."""
    if kind:
        return NOTICES.get(kind, kind), str(payload.get("message") or "")
    reason = " ".join(str(payload.get("reason") or "no reason given").split())[:300]
    return "denied", f"auto mode denied {question(payload)['text']}: {reason}"


def _call(payload: dict[str, Any]) -> str:
    """Return what tells one tool call from another; a PermissionRequest has no id of its own."""
    return (
        str(payload.get("tool_name", ""))
        + quick_json.dumps(payload.get("tool_input"), ascii_only=True, sort_keys=True)[:2000]
    )


def _error(kind: str, message: str) -> str:
    """Return why a turn failed, in the API's own words where it has any, and what to do."""
    said = " ".join(message.split())
    _, found, api = said.partition("API Error: ")
    # What follows is the same for every error of a server.
    words = (api if found else said).split(" This is a server-side issue")[0].rstrip(". ")[:300]
    # A 403 is called so, too.
    if kind == "authentication_failed" and (not found or words.startswith("401")):
        what = f"{words}; " if found else ""
        return f"{what}it is not logged in ({kind}); run /login in its window"
    todo = "" if " resets " in words else _WHAT_NOW.get(kind)
    return (words or kind) + (f"; {todo}" if todo else "")


def _awaited(task: object) -> bool:
    """Tell whether the end of background work is waited for: team-mates are there as long as their lead."""
    return not (isinstance(task, dict) and task.get("type") == "teammate")


def _background(task: object) -> str:
    known = task if isinstance(task, dict) else {"id": task}
    return str(known.get("id") or known.get("task_id") or quick_json.dumps(known, ascii_only=True, sort_keys=True))


def question(payload: dict[str, Any], kind: str = "permission") -> Question:
    """Return what a payload asks, or what a tool call would have asked."""
    tool, given = payload.get("tool_name", ""), payload.get("tool_input") or {}
    if not tool and payload.get("hook_event_name") == "PermissionDenied":
        tool = "a tool"
    if not tool:
        return {"kind": kind, "text": str(payload.get("message") or ""), "how": "", "call": "", "options": []}
    detail = given.get("command") or given.get("file_path") or given.get("url") or given.get("pattern") or ""
    options: list[str] = []
    if tool == "AskUserQuestion":
        asked = given.get("questions") or [{}]
        kind, text = "question", str(asked[0].get("question", ""))
        # Several questions, and several answers to one, are chosen in a form of their own.
        if len(asked) == 1 and not asked[0].get("multiSelect"):
            options = [str(option.get("label", "")) for option in asked[0].get("options") or []]
    elif tool == "ExitPlanMode":
        kind, text = "plan", "approve its plan?"
    else:
        kind, text = "permission", " ".join((f"{tool}: {detail}" if detail else tool).split())[:300]
    return {"kind": kind, "text": text, "how": "", "call": _call(payload), "options": options}
