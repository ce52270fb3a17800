"""An agent is a reference, and two modules alone join the paths of the state folder."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parents[2] / "src" / "flowloom"

# Who joins the paths of the state folder: those of agents, tasks and what hook calls write, and all others.
LAYOUT = {"store.layout", "store.state_folder"}
# Who joins other paths, and which.
ELSEWHERE = {
    "agents.conversations": "session files of Claude Code",
    "agents.folders": "the user's folders",
    "agents.hook_shims": "the installed package; shell",
    "agents.launch": "the folders of PATH",
    "agents.session_file": "session files of Claude Code",
    "chief.settings_files": "Claude Code's own settings",
    "cli.setup": "the user's home, written as ~",
    "cli.trust": "a project's file",
    "config.settings": "configuration files",
    "config.trust": "a project's folders; Claude Code's .claude.json",
    "doctor.claude_code": "Claude Code's own settings",
    "doctor.leftovers": "the hook that a program was started with",
    "doctor.state": "files to try a disk with; mounts",
    "editor.palette_actions": "the user's folders",
    "ports.births": "no path: what a process is told apart by",
    "ports.git": "git's own",
    "ports.procs": "/proc",
    "ports.tmux.reach": "tmux's own sockets",
    "ports.tmux.tiles": "no path: a page's number",
    "setup.plan": "the installed package; the user's shell",
    "store.foreign": "a folder of another program",
    "store.old_files": "the files of any folder",
    "retention.old_tasks": "the files below any folder",
}
# A provider is told its folders, and knows its program's.
PROVIDERS = "providers."
MADE = re.compile(r"(layout|state_folder)\.")


def trees(package: Path) -> list[tuple[str, ast.Module]]:
    """Return (dotted name below the package, syntax tree) of every module."""
    return [
        (".".join(path.relative_to(package).with_suffix("").parts), tree(path, path.stat().st_mtime_ns))
        for path in sorted(package.rglob("*.py"))
    ]


@cache
def tree(path: Path, _changed_ns: int) -> ast.Module:
    """Return the syntax tree of a module, parsed once."""
    return ast.parse(path.read_text(encoding="utf-8"), str(path))


def text(node: ast.AST) -> str:
    """Return the text of a constant; empty for anything else."""
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else ""


def joins(tree: ast.AST) -> Iterator[ast.expr]:
    """Yield what joins a path: f"{folder}/name", folder + "/name", os.path.join, "/".join, and pathlib at all."""
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            pairs = list(zip(node.values, node.values[1:], strict=False))
            if any(isinstance(one, ast.FormattedValue) and text(two).startswith("/") for one, two in pairs):
                yield node
        elif isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
            if text(node.right).startswith("/") or text(node.left).endswith("/"):
                yield node
        elif isinstance(node, ast.Call) and re.match(r"(.*path|'/')\.join$", ast.unparse(node.func)):
            yield node


def is_of_state(node: ast.AST, names: set[str]) -> bool:
    """Tell whether an expression holds a path that `layout` made, or a name that has one."""
    for each in ast.walk(node):
        if isinstance(each, ast.Name) and each.id in names:
            return True
        if isinstance(each, ast.Call) and MADE.match(ast.unparse(each.func)):
            return True
    return False


def assigned(tree: ast.AST) -> set[str]:
    """Return the names that a function gives to paths of the state folder."""
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign) and is_of_state(node.value, names):
            targets = [each for target in node.targets for each in ast.walk(target)]
            names |= {each.id for each in targets if isinstance(each, ast.Name)}
    return names


def joined_elsewhere(package: Path) -> list[str]:
    """Find paths that are joined by a module that has no business with any, and those of the state folder anywhere."""
    found = []
    for name, tree in trees(package):
        if name in LAYOUT:
            continue
        everywhere = name in ELSEWHERE or name.startswith(PROVIDERS)
        scopes = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
        known = {id(join): assigned(scope) for scope in scopes for join in joins(scope)}
        found += [
            f"{name}:{join.lineno}: {ast.unparse(join)}"
            for join in joins(tree)
            if not everywhere or is_of_state(join, known.get(id(join), set()))
        ]
    return found


def folders_for_agents(package: Path) -> list[str]:
    """Find functions that take an agent's folder."""
    found = []
    for name, tree in trees(package):
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                arguments = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
                found += [
                    f"{name}:{each.lineno}: {node.name}({each.arg})"
                    for each in arguments
                    if each.arg == "agent_dir"
                    or (each.arg == "agent" and each.annotation is not None and ast.unparse(each.annotation) == "str")
                ]
            elif isinstance(node, ast.Attribute) and node.attr == "agent_dir" and ast.unparse(node.value) != "layout":
                found.append(f"{name}:{node.lineno}: {ast.unparse(node)}")
    return found


def users_of_pathlib(package: Path) -> list[str]:
    """Find modules that import pathlib, which joins paths by a division."""
    return [
        name
        for name, tree in trees(package)
        for node in ast.walk(tree)
        if (isinstance(node, ast.ImportFrom) and node.module == "pathlib")
        or (isinstance(node, ast.Import) and any(each.name == "pathlib" for each in node.names))
    ]


def test_only_the_layout_joins_paths_of_the_state_folder() -> None:
    assert joined_elsewhere(PACKAGE) == []


def test_every_module_that_may_join_other_paths_does() -> None:
    joining = {name for name, tree in trees(PACKAGE) if any(True for _ in joins(tree))}
    assert {name for name in joining if not name.startswith(PROVIDERS)} == {*ELSEWHERE, *LAYOUT}


def test_no_function_takes_an_agents_folder() -> None:
    assert folders_for_agents(PACKAGE) == []


def test_pathlib_is_not_used() -> None:
    assert users_of_pathlib(PACKAGE) == []


WRONG = [
    ("turns/status", "def f(agent): return f'{layout.agent_dir(agent)}/status.json'\n", 1),
    ("turns/status", "def f(folder): return f'{folder}/status.json'\n", 1),
    ("turns/status", "def f(folder): return os.path.join(folder, 'status.json')\n", 1),
    ("turns/status", "def f(folder): return folder + '/status.json'\n", 1),
    ("turns/status", "def f(folder): return '/'.join([folder, 'status.json'])\n", 1),
    ("turns/status", "def f(name): return f'a/b {name}', ', '.join(name), '1' + name\n", 0),
    ("ports/git", "def f(place): return f'{place}/.git'\n", 0),
    ("ports/git", "def f(agent): return f'{layout.agent_dir(agent)}/.git'\n", 1),
    ("ports/git", "def f():\n    top = state_folder.hooks_dir()\n    return os.path.join(top, 'x')\n", 1),
    ("providers/new/program", "def f(known): return f'{known}/sessions'\n", 0),
    ("providers/new/program", "def f(agent): return f'{layout.agent_dir(agent)}/sessions'\n", 1),
    ("store/layout", "def f(agent): return f'{agent_dir(agent)}/status.json'\n", 0),
]


@pytest.mark.parametrize(("module", "source", "count"), WRONG)
def test_a_joined_path_is_found(tmp_path: Path, module: str, source: str, count: int) -> None:
    path = tmp_path / f"{module}.py"
    path.parent.mkdir(parents=True)
    path.write_text(source)
    assert len(joined_elsewhere(tmp_path)) == count


@pytest.mark.parametrize(
    ("source", "complaints"),
    [
        ("def read(agent_dir: str): ...\n", ["status:1: read(agent_dir)"]),
        ("class A:\n    def read(self, *, agent: str): ...\n", ["status:2: read(agent)"]),
        ("def read(place): return place.agent_dir\n", ["status:1: place.agent_dir"]),
        ("def read(agent: AgentRef): return layout.agent_dir(agent)\n", []),
    ],
)
def test_an_agents_folder_is_found(tmp_path: Path, source: str, complaints: list[str]) -> None:
    (tmp_path / "status.py").write_text(source)
    assert folders_for_agents(tmp_path) == complaints
    (tmp_path / "status.py").write_text("from pathlib import Path\n")
    assert users_of_pathlib(tmp_path) == ["status"]
