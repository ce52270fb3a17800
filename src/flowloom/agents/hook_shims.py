"""The scripts whose paths never change, and which lead to where FlowLoom is installed now."""

from __future__ import annotations

import os
import shlex
import sys

import flowloom
from flowloom.store import files, layout, state_folder

# As in `hooks/agent-event`, which a test compares: the stub does its work in one shell less (2 ms).
HOOK_CODE = """import os, sys
sys.path.insert(0, sys.argv.pop(1))
from flowloom.hook.call import take
taken = take()
if taken:
    from flowloom.hook.main import main
    main(*taken)
os._exit(0)"""

HOOK_STUB = """#!/bin/sh
# Hands an agent's hook events to FlowLoom, wherever it is installed now. Written by FlowLoom.
hook={hook}
python={python}
root={root}
if [ -x "$python" ] && [ -d "$root/flowloom" ]; then
    "$python" -I -S -c '{code}' "$root" "$@" >/dev/null 2>&1 && exit 0
fi
[ -x "$hook" ] && exec "$hook" "$@"
[ -d "$FLOWLOOM_AGENT_DIR" ] || exit 0
# Some programs pass the payload as an argument.
payload() {{ if [ $# -gt 1 ]; then printf %s "$2"; else cat; fi; }}
umask 077
kept=$FLOWLOOM_AGENT_DIR/spool/late-$(date +%s)-$$-${{FLOWLOOM_AGENT_PID:-0}}
{{ mkdir -p "$FLOWLOOM_AGENT_DIR/spool" && payload "$@" >"$kept" && mv "$kept" "$kept.json"; }} 2>/dev/null
exit 0
"""

# As in `hooks/editor`, which a test compares: the stub must do without it.
REAL_EDITOR = r"""real_editor() {
    # The real editor must not call us again: sensible-editor reads VISUAL and EDITOR too.
    visual=$VISUAL editor=$EDITOR
    is_us "$visual" && unset VISUAL
    is_us "$editor" && unset EDITOR
    export FLOWLOOM_EDITING="$((rounds + 1)) $$ ${1##*/}"
    for chosen in "$FLOWLOOM_EDITOR" "$visual" "$editor" sensible-editor vi nano; do
        if [ -z "$chosen" ] || is_us "$chosen"; then
            continue
        elif [ -f "$chosen" ] && [ -x "$chosen" ]; then
            exec "$chosen" "$@"
        fi
        # An editor with arguments is a shell command, as it is for git.
        program=$(eval "set -- $chosen" 2>/dev/null && printf %s "$1")
        command -v "$program" >/dev/null 2>&1 && eval "exec $chosen \"\$@\""
    done
    echo "flowloom: no editor found; set FLOWLOOM_EDITOR to an editor" >&2
    exit 1
}

# True for our own name, a link to us, or a script that names us: running it would call us again.
is_us() {
    case $1 in
        '') return 1 ;;
        *' '*) [ -f "$1" ] || set -- "$(eval "set -- $1" 2>/dev/null && printf %s "$1")" "$1" ;;
    esac
    case $2 in
        */hooks/editor*) return 0 ;;
    esac
    program=$(command -v -- "$1" 2>/dev/null) || program=$1
    case $(readlink -f -- "$program" 2>/dev/null || printf %s "$program") in
        */hooks/editor) [ ! -f "$program" ] || [ "$program" -ef "$0" ] || grep -q flowloom "$program" ;;
        *)
            [ -f "$program" ] || return 1
            [ "$program" -ef "$0" ] && return 0
            [ "$(head -c 2 -- "$program")" = '#!' ] && grep -q '/hooks/editor' -- "$program"
            ;;
    esac 2>/dev/null
}

# The editor that we started for this file may call us again in a way that `is_us` does not detect.
rounds=0
refuse_circle() {
    case $FLOWLOOM_EDITING in
        *" ${1##*/}") ;;
        *) return 0 ;;
    esac
    rounds=${FLOWLOOM_EDITING%% *}
    former=${FLOWLOOM_EDITING#* }
    # An editor that keeps running, such as a server, passes the variable on to files that it opens later.
    if [ "$rounds" -ge 3 ] || kill -0 "${former%% *}" 2>/dev/null; then
        echo "flowloom: the editor for ${1##*/} calls FlowLoom again; set FLOWLOOM_EDITOR to a real editor" >&2
        exit 1
    fi
}
"""

# The name of its folder is how `hooks/editor` tells it from a real editor.
EDITOR_STUB = """#!/bin/sh
# Runs FlowLoom's editor, or your real editor if FlowLoom is not installed.
# Written by `flowloom setup`; undo it with `flowloom setup --undo`.
# shellcheck disable=SC3013  # -ef: dash, bash, busybox and macOS have it
set -f
{real_editor}
set +f
for hook in {hook} {environment}/lib/python3*/site-packages/flowloom/hooks/editor; do
    [ -x "$hook" ] && exec "$hook" "$@"
done
set -f
refuse_circle "$@"
case ${{1##*/}} in
    claude-prompt-*.md)
        said="FlowLoom was moved or removed; opening your real editor instead. To repair: flowloom setup"
        echo "flowloom: $said" >&2
        # The editor covers that line at once.
        [ -n "$TMUX" ] && tmux display-message -d 8000 "$said" 2>/dev/null
        ;;
esac
real_editor "$@"
"""

# Its own name is what Claude Code's footer shows: `ctrl+g to edit in Editor`.
AGENT_EDITOR_STUB = """#!/bin/sh
# The editor of the agents' windows. It hands the draft to a FlowLoom that has just asked for it, and changes nothing;
# for a person, and for every other file, it is the real editor. Written by FlowLoom.
asked=$FLOWLOOM_AGENT_DIR/{wanted}
case ${{1##*/}} in
    claude-prompt-*.md)
        if [ -n "$FLOWLOOM_AGENT_DIR" ] && mv -- "$asked" "$asked-$$" 2>/dev/null; then
            read -r until <"$asked-$$"
            rm -f -- "$asked-$$"
            if [ "$(date +%s)" -le "${{until:-0}}" ]; then
                umask 077
                cp -- "$1" "$FLOWLOOM_AGENT_DIR/{handed}-$$" &&
                    mv -- "$FLOWLOOM_AGENT_DIR/{handed}-$$" "$FLOWLOOM_AGENT_DIR/{handed}"
                exit 0
            fi
        fi
        ;;
esac
VISUAL=$FLOWLOOM_VISUAL
export VISUAL
for hook in {hook} {environment}/lib/python3*/site-packages/flowloom/hooks/editor; do
    [ -x "$hook" ] && exec "$hook" "$@"
done
# FlowLoom is gone. Without VISUAL this is whatever the system has.
exec "${{FLOWLOOM_EDITOR:-vi}}" "$@"
"""


def agent_editor() -> str:
    """Return the path of the script that agents have for their editor; it is there when this returns."""
    path = state_folder.agent_editor()
    text = AGENT_EDITOR_STUB.format(
        hook=shlex.quote(hook_path("editor")),
        environment=shlex.quote(sys.prefix),
        wanted=layout.DRAFT_REQUEST,
        handed=layout.HANDED_DRAFT,
    ).encode()
    if files.read(path) != text:
        files.ensure_dir(os.path.dirname(path))
        files.write(path, text, mode=0o700)
    return path


def hook_path(name: str) -> str:
    """Return the path of a hook script: beside the package in a wheel, at the top of a checkout."""
    here = os.path.dirname(os.path.abspath(flowloom.__file__))
    packaged = f"{here}/hooks/{name}"
    return packaged if os.path.exists(packaged) else os.path.abspath(f"{here}/../../hooks/{name}")


def editor_stub() -> tuple[str, bytes]:
    """Return path and text of the script that stands for Ctrl-G in Claude Code's settings.

    As with hook events, that path never changes; an upgrade of Python moves the
    package within its environment, and a `flowloom setup` or the next start of
    an agent tells the script where FlowLoom is then.
    """
    return state_folder.hook("editor"), editor_script(hook_path("editor"), sys.prefix).encode()


def editor_script(hook: str, environment: str) -> str:
    """Return the text of the script that leads Ctrl-G to a hook, which an upgrade moves within its environment."""
    return EDITOR_STUB.format(
        real_editor=REAL_EDITOR.rstrip("\n"), hook=shlex.quote(hook), environment=shlex.quote(environment)
    )


def hook_command(provider: str) -> list[str]:
    """Return the command for the events of a provider's program, by way of a file whose path never changes.

    A program reads its settings once: after an upgrade or a move that file
    leads to where FlowLoom is then, and keeps the payload while it is nowhere.
    """
    ensure_stubs()
    return ["sh", _stub(), provider]


def hook_script(hook: str, python: str, root: str) -> str:
    """Return the text of the script that hands hook events to this interpreter with the package in `root`.

    Where these are gone, it leads to `hook`, and where that is gone, too, it stores the payload.
    """
    words = {"hook": shlex.quote(hook), "python": shlex.quote(python), "root": shlex.quote(root)}
    return HOOK_STUB.format(**words, code=HOOK_CODE)


def _python_of(hook: str) -> tuple[str, str]:
    """Return the interpreter that `hooks/agent-event` finds for itself, and the folder that holds the package."""
    here = os.path.dirname(hook)
    checkout = os.path.isdir(f"{here}/../src/flowloom")
    python = f"{here}/../.venv/bin/python" if checkout else f"{here}/../../../../../bin/python"
    root = os.path.abspath(f"{here}/../src" if checkout else f"{here}/../..")
    return (os.path.abspath(python) if os.access(python, os.X_OK) else sys.executable), root


def _stub() -> str:
    return state_folder.hook("agent-event")


def leads_nowhere() -> bool:
    """Tell whether hook events of agents that run go to a FlowLoom that was moved or removed."""
    lines = (files.read(_stub()) or b"").decode(errors="replace").splitlines()
    named = next((line.partition("=")[2] for line in lines if line.startswith("hook=")), "")
    return bool(named) and not os.path.exists(shlex.split(named)[0])


def ensure_stubs() -> None:
    """Lead the scripts whose paths never change to where FlowLoom is installed now."""
    stub, hook = _stub(), hook_path("agent-event")
    text = hook_script(hook, *_python_of(hook))
    if files.read(stub) != text.encode():
        files.ensure_dir(os.path.dirname(stub))
        files.write(stub, text.encode())
    editor, wanted = editor_stub()
    if files.read(editor) not in (None, wanted):
        files.write(editor, wanted, mode=0o700)
