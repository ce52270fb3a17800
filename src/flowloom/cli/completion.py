"""What the Tab key offers: agents, roles, tasks with the beginning of their prompts, providers.

The scripts below are what a shell loads. They ask `flowloom` itself, with the line that is typed in
`_TYPER_COMPLETE_ARGS`: those names stand in the files that `setup` has written to people's folders.
"""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING

from click.shell_completion import CompletionItem, ShellComplete, split_arg_string

from flowloom.agents.agent import list_agents
from flowloom.cli import output
from flowloom.cli.program import NAME, program
from flowloom.clock import wall_s
from flowloom.config import settings as config
from flowloom.delegation import overview
from flowloom.errors import FlowLoomError
from flowloom.ports import git
from flowloom.providers import registry
from flowloom.roles import builtin
from flowloom.store import projects
from flowloom.tasks import index
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

_FISH_ASKS = (
    "env _FLOWLOOM_COMPLETE=complete_fish _TYPER_COMPLETE_FISH_ACTION={} "
    "_TYPER_COMPLETE_ARGS=(commandline -cp) flowloom"
)
FISH = (
    f'complete --command flowloom --no-files --arguments "({_FISH_ASKS.format("get-args")})" '
    f'--condition "{_FISH_ASKS.format("is-args")}"\n'
)


def run() -> int:
    """Answer the shell that asks for a completion, or for its script; return the exit code."""
    if os.environ["_FLOWLOOM_COMPLETE"] == "source_zsh":
        output.print_line(ZSH.removesuffix("\n"))
        return 0
    line = os.environ.get("_TYPER_COMPLETE_ARGS", "")
    words = split_arg_string(line)[1:]
    typed = words.pop() if words and not line.endswith(" ") else ""
    found = ShellComplete(program, {}, NAME, "").get_completions(words, typed)
    if os.environ.get("_TYPER_COMPLETE_FISH_ACTION") == "is-args":
        return 0 if found else 1  # without any, fish offers files
    for each in found:
        output.print_line(f"{each.value}\t{' '.join(each.help.split())}" if each.help else each.value)
    return 0


def items(offer: Offer) -> list[CompletionItem[str]]:
    """Return an offer as Click takes it."""
    return [CompletionItem(value, help=said) for value, said in offer]


def agents(incomplete: str) -> Offer:
    """Offer the agents there are: this project's by name, the others as name@project."""
    return _offer(incomplete, _agents())


def askable(incomplete: str) -> Offer:
    """Offer the agents there are, and the roles and configured names that can be started."""
    found = dict(_agents())
    try:
        named = config.load(git.project_root(projects.here())).agents
    except FlowLoomError:
        named = {}  # its command tells
    for name in (*builtin.ROLES, *named):
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
    return _offer(incomplete, map(_described, reversed(index.unfinished())))


def programs(incomplete: str) -> Offer:
    """Offer the providers."""
    return _offer(incomplete, [(name, "") for name in registry.names()])


def _agents() -> Offer:
    here = projects.slug_of(git.project_root(projects.here()))
    found = []
    for agent in list_agents():
        try:
            now = status.read(agent.ref)
        except FlowLoomError:
            now = None
        word = now["status"] if now else "damaged"
        found.append((agent.name if agent.slug == here else agent.agent_id, str(word)))
    return found


def _tasks() -> list[Task]:
    """Return the newest tasks, the newest first."""
    found = index.newest()[:LOOKED_AT]
    return [task for entry in found if (task := tasks.find(entry.task_id)) is not None]


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
