"""What the Tab key offers: agents, roles, tasks with the beginning of their prompts, providers."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from flowloom.agents.agent import known
from flowloom.clock import wall_s
from flowloom.config import settings
from flowloom.delegation import overview
from flowloom.errors import FlowLoomError
from flowloom.ports import git
from flowloom.providers import registry
from flowloom.roles import builtin
from flowloom.store import layout
from flowloom.tasks import store as tasks
from flowloom.terminal.durations import age
from flowloom.turns import status

if TYPE_CHECKING:
    from collections.abc import Iterable

    from flowloom.tasks.record import Task

Offer = list[tuple[str, str]]
HELP_CHARS = 48
OFFERED = 50
# Who asks for an older task types its id.
LOOKED_AT = 300

# With descriptions where several are offered, as zsh and fish have them. In bash a word begins at its `@`.
BASH = r"""_flowloom_completion() {
    local line=${COMP_LINE:0:COMP_POINT} each value before='' found=()
    local word=${line##* }
    if [[ $word == *@* && $COMP_WORDBREAKS == *@* ]]; then before=${word%@*}; fi
    while IFS= read -r each; do
        [[ -n $each ]] && found+=("$each")
    done < <(_FLOWLOOM_COMPLETE=complete_fish _TYPER_COMPLETE_FISH_ACTION=get-args \
        _TYPER_COMPLETE_ARGS="$line" "$1" 2>/dev/null)
    COMPREPLY=()
    for each in "${found[@]}"; do
        value=${each%%$'\t'*}
        value=${value#"$before"}
        # Only where the offers are listed, never where one is inserted.
        if ((${#found[@]} > 1)) && [[ $each == *$'\t'* && $COMP_TYPE != 37 && $COMP_TYPE != 42 ]]; then
            value="$value  (${each#*$'\t'})"
        fi
        COMPREPLY+=("$value")
    done
}
complete -o default -o nosort -F _flowloom_completion flowloom 2>/dev/null ||
    complete -o default -F _flowloom_completion flowloom
"""

# `_describe` takes a description as it is; Typer's own script hands it to `eval`, which loses its quotes.
ZSH = r"""#compdef flowloom
_flowloom_completion() {
    local each tab=$'\t'
    local -a found
    while IFS= read -r each; do
        [[ -n $each ]] || continue
        if [[ $each == *$tab* ]]; then
            found+=("${${each%%$tab*}//:/\\:}:${each#*$tab}")
        else
            found+=("${each//:/\\:}")
        fi
    done < <(_FLOWLOOM_COMPLETE=complete_fish _TYPER_COMPLETE_FISH_ACTION=get-args \
        _TYPER_COMPLETE_ARGS="${words[1,$CURRENT]}" flowloom 2>/dev/null)
    if (( $#found )); then _describe -V flowloom found; else _files; fi
}
compdef _flowloom_completion flowloom
"""


def agents(incomplete: str) -> Offer:
    """Offer the agents there are: this project's by name, the others as name@project."""
    return _offer(incomplete, _agents())


def askable(incomplete: str) -> Offer:
    """Offer the agents there are, and the roles and configured names that can be started."""
    found = dict(_agents())
    try:
        chosen = settings.load(git.project_root(layout.here())).agents
    except FlowLoomError:
        chosen = {}  # its command tells
    for name in (*builtin.ROLES, *chosen):
        found.setdefault(name, "not started")
    return _offer(incomplete, found.items())


def all_tasks(incomplete: str) -> Offer:
    """Offer the tasks, the newest first."""
    return _offer(incomplete, map(_described, _tasks()))


def replies(incomplete: str) -> Offer:
    """Offer the tasks with an unread reply; all tasks where none fits what is typed."""
    return _offer(incomplete, map(_described, reversed(overview.replies()))) or all_tasks(incomplete)


def unfinished(incomplete: str) -> Offer:
    """Offer the tasks that have not ended."""
    return _offer(incomplete, [_described(task) for task in _tasks() if not tasks.ended(task)])


def programs(incomplete: str) -> Offer:
    """Offer the providers."""
    return _offer(incomplete, [(name, "") for name in registry.names()])


def _agents() -> Offer:
    here = layout.project_slug(git.project_root(layout.here()))
    found = []
    for agent in known():
        try:
            now = status.read(agent.directory)
        except FlowLoomError:
            now = None
        word = now["status"] if now else "damaged"
        found.append((agent.name if agent.slug == here else agent.agent_id, str(word)))
    return found


def _tasks() -> list[Task]:
    """Return the newest tasks, the newest first."""
    ids = [task_id for task_id in tasks.all_ids() if layout.is_task_id(task_id)]
    return [task for task_id in reversed(ids[-LOOKED_AT:]) if (task := tasks.find(task_id)) is not None]


def _described(task: Task) -> tuple[str, str]:
    mark = "unread" if tasks.unread(task) else str(task["status"])
    name = task["agent_id"].split("@")[0]
    try:
        prompt = tasks.prompt_of(task)[: 4 * HELP_CHARS]
    except OSError:
        prompt = ""
    return task["task_id"], f"{name} {mark} {age(wall_s() - task['created'])} {prompt}"


def _offer(incomplete: str, found: Iterable[tuple[str, str]]) -> Offer:
    """Return what begins as the word that is typed; `@planning` is an agent too."""
    at = "@" if incomplete.startswith("@") else ""
    fits = [(f"{at}{value}", said) for value, said in found if value.startswith(incomplete.removeprefix("@"))]
    return [(value, _harmless(said)) for value, said in fits[:OFFERED]]


def _harmless(said: str) -> str:
    """Return a description that no shell takes for more: zsh evaluates what it is given."""
    return " ".join(re.sub(r"[^\w\s.,/@+-]", " ", said.encode(errors="replace").decode()).split())[:HELP_CHARS].rstrip()
