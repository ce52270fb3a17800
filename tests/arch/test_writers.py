"""Who changes a task or an agent's status holds its lock."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parents[2] / "src" / "flowloom"

WRITES = re.compile(
    r"tasks\.(write|note_step|note_fact|complete|park)$"
    r"|status\.(write|apply|note|forget_events)$"
    r"|observed\.(leave|rest|quiet|box|dialog|goes_on|found_accepted|unpark|release|let_go|end_task)$"
    r"|limits\.give_up$|questions\.(ask|offer)$"
)
LOCK = re.compile(r"spool\.lock\(|task_lock\.hold\(|self\._hold\(\)")
# What a hook call does: its caller holds the agent's lock, and what it calls tells so of itself.
WITHIN = ("turns", "tasks")


def unlocked(package: Path) -> list[str]:
    """Find calls that write, outside of a lock, in functions that do not say that their caller holds it."""

    def within(node: ast.AST, held: bool) -> Iterator[ast.Call]:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            text = "" if isinstance(node, ast.Lambda) else ast.get_docstring(node) or ""
            held = "The caller holds" in " ".join(text.split())
        elif isinstance(node, ast.With):
            held = held or any(LOCK.search(ast.unparse(item.context_expr)) for item in node.items)
        elif isinstance(node, ast.Call) and not held and WRITES.search(ast.unparse(node.func)):
            yield node
        for each in ast.iter_child_nodes(node):
            yield from within(each, held)

    found = []
    for path in sorted(package.rglob("*.py")):
        name = ".".join(path.relative_to(package).with_suffix("").parts)
        if not name.startswith(WITHIN):
            tree = ast.parse(path.read_text(encoding="utf-8"), str(path))
            found += [f"{name}:{call.lineno}: {ast.unparse(call.func)}" for call in within(tree, held=False)]
    return found


def test_who_writes_holds_the_lock() -> None:
    assert unlocked(PACKAGE) == []


@pytest.mark.parametrize(
    ("source", "complaints"),
    [
        ("def f(task): tasks.write(task)\n", ["cli.ask:1: tasks.write"]),
        ("def f(a):\n    with spool.lock(a): g()\n    status.note(a, now)\n", ["cli.ask:3: status.note"]),
        ("def f(a):\n    with files.open(a): observed.box(a, now)\n", ["cli.ask:2: observed.box"]),
        ("def f(a):\n    with spool.lock(a):\n        def g(): tasks.park(a)\n", ["cli.ask:3: tasks.park"]),
        ("def f(a):\n    with task_lock.hold(a) as task:\n        if task: tasks.complete(task, '', '')\n", []),
        ("def f(task):\n    'Write. The caller\\n    holds the task.'\n    tasks.write(task)\n", []),
        ("def f(a): tasks.read(a), status.read(a), questions.asked_by(a)\n", []),
    ],
)
def test_an_unlocked_write_is_found(tmp_path: Path, source: str, complaints: list[str]) -> None:
    (tmp_path / "cli").mkdir()
    (tmp_path / "cli" / "ask.py").write_text(source)
    assert unlocked(tmp_path) == complaints
