"""The scripts whose paths never change, and which lead to where FlowLoom is installed now."""

from __future__ import annotations

import os
import shlex
import sys

from flowloom import files, paths

TYPE_CHECKING = False
if TYPE_CHECKING:
    from flowloom.providers import Provider

HOOK_STUB = """#!/bin/sh
# Leads an agent's hook events to where FlowLoom is installed now. Written by FlowLoom.
hook={hook}
[ -x "$hook" ] && exec "$hook" "$@"
[ -d "$FLOWLOOM_AGENT_DIR" ] || exit 0
umask 077
kept=$FLOWLOOM_AGENT_DIR/spool/late-$(date +%s)-$$
{{ mkdir -p "$FLOWLOOM_AGENT_DIR/spool" && cat >"$kept" && mv "$kept" "$kept.json"; }} 2>/dev/null
exit 0
"""

# The name of its folder is how `hooks/editor` tells it from a real editor.
EDITOR_STUB = """#!/bin/sh
# Leads Ctrl-G to where FlowLoom is installed now; while that is nowhere, to the
# real editor. Written by `flowloom setup`, which can take it back: --undo.
# shellcheck disable=SC2086  # an editor may be given with arguments
for hook in {hook} {environment}/lib/python3*/site-packages/flowloom/hooks/editor; do
    [ -x "$hook" ] && exec "$hook" "$@"
done
case ${{1##*/}} in
    claude-prompt-*.md) echo "flowloom: FlowLoom has moved or is gone (flowloom setup); your real editor" >&2 ;;
esac
for editor in "$FLOWLOOM_EDITOR" sensible-editor vi nano; do
    case $editor in
        '' | *hooks/editor*) continue ;;
    esac
    command -v "${{editor%% *}}" >/dev/null 2>&1 && exec $editor "$@"
done
echo "flowloom: no editor found; set FLOWLOOM_EDITOR to one" >&2
exit 1
"""


def hook_path(name: str) -> str:
    """Return the path of a hook script: beside the package in a wheel, at the top of a checkout."""
    here = os.path.dirname(os.path.abspath(__file__))
    packaged = f"{here}/hooks/{name}"
    return packaged if os.path.exists(packaged) else os.path.abspath(f"{here}/../../hooks/{name}")


def editor_stub() -> tuple[str, bytes]:
    """Return path and text of the script that stands for Ctrl-G in Claude Code's settings.

    As with hook events, that path never changes; an upgrade of Python moves the
    package within its environment, and a `flowloom setup` or the next start of
    an agent tells the script where FlowLoom is then.
    """
    text = EDITOR_STUB.format(
        hook=shlex.quote(hook_path("editor")),
        environment=shlex.quote(sys.prefix),
    )
    return f"{paths.home()}/hooks/editor", text.encode()


def hook_command(provider: Provider) -> str:
    """Return the command for hook events, by way of a file whose path never changes.

    Claude Code reads its settings once: after an upgrade or a move that file
    leads to where FlowLoom is then, and keeps the payload while it is nowhere.
    """
    ensure_stubs()
    return f"sh {shlex.quote(_stub())} {provider.NAME}"


def _stub() -> str:
    return f"{paths.home()}/hooks/agent-event"


def leads_nowhere() -> bool:
    """Tell whether hook events of agents that run go to a FlowLoom that was moved or removed."""
    lines = (files.read(_stub()) or b"").decode(errors="replace").splitlines()
    named = next((line.partition("=")[2] for line in lines if line.startswith("hook=")), "")
    return bool(named) and not os.path.exists(shlex.split(named)[0])


def ensure_stubs() -> None:
    """Lead the scripts whose paths never change to where FlowLoom is installed now."""
    stub, text = _stub(), HOOK_STUB.format(hook=shlex.quote(hook_path("agent-event")))
    if files.read(stub) != text.encode():
        files.ensure_dir(os.path.dirname(stub))
        files.write(stub, text.encode())
    editor, wanted = editor_stub()
    if files.read(editor) not in (None, wanted):
        files.write(editor, wanted, mode=0o700)
