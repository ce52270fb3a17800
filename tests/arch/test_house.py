"""What the house demands and no linter can say.

Every check is a function from a folder to its complaints, so that each is also run
over a small wrong tree: a check that cannot fail proves nothing.
"""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.support.slow_imports import SLOW, SLOW_IN_A_HOOK

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "src" / "flowloom"

MAX_LINES = 400
# The library, and the one module (or package) of ours that imports it.
PORTS = {"libtmux": "ports.tmux", "psutil": "ports.procs", "click": "cli"}
# The faces, which turn whatever happened into one sentence for a person.
FACES = {"__main__", "cli", "editor.main", "hook", "crash", "delegation.loop"}
VAGUE = {"manager", "service", "handler", "helper", "util", "common", "misc", "data", "info"}
SHELLS = {"#!/bin/sh": "sh", "#!/usr/bin/env bash": "bash"}

type_of_def = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)


def modules(package: Path) -> Iterator[tuple[str, Path]]:
    """Yield (dotted name below the package, path) of every module."""
    for path in sorted(package.rglob("*.py")):
        yield ".".join(path.relative_to(package).with_suffix("").parts), path


def trees(package: Path) -> Iterator[tuple[str, ast.Module]]:
    for name, path in modules(package):
        yield name, ast.parse(path.read_text(encoding="utf-8"), str(path))


def lies_in(name: str, home: str) -> bool:
    return name == home or name.startswith(f"{home}.")


def oversized(package: Path) -> list[str]:
    counts = {name: len(path.read_text(encoding="utf-8").splitlines()) for name, path in modules(package)}
    return [f"{name}: {count} lines" for name, count in counts.items() if count > MAX_LINES]


def undocumented(package: Path) -> list[str]:
    def within(prefix: str, body: list[ast.stmt]) -> Iterator[str]:
        for node in body:
            if not isinstance(node, type_of_def) or node.name.startswith("_"):
                continue
            decorators = {ast.unparse(each).rpartition(".")[2] for each in node.decorator_list}
            if not decorators & {"overload", "setter", "override"} and ast.get_docstring(node) is None:
                yield f"{prefix}{node.name}"
            if isinstance(node, ast.ClassDef):
                yield from within(f"{prefix}{node.name}.", node.body)

    return [each for name, tree in trees(package) for each in within(f"{name}: ", tree.body)]


def imports(tree: ast.Module) -> Iterator[tuple[str, str]]:
    """Yield (what is imported, the name it has here), absolute imports only."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.name, alias.asname or alias.name
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            for alias in node.names:
                yield f"{node.module}.{alias.name}", alias.asname or alias.name


def sleepers(package: Path) -> list[str]:
    """Find what sleeps; only a clock does, which is an argument that a test replaces."""
    found = []
    for name, tree in trees(package):
        if name == "clock":
            continue
        clocks = {here for what, here in imports(tree) if what == "time"}
        found += [f"{name}: from time import sleep" for what, _ in imports(tree) if what == "time.sleep"]
        found += [
            f"{name}:{node.lineno}: {ast.unparse(node)}"
            for node in ast.walk(tree)
            if isinstance(node, ast.Attribute) and node.attr == "sleep" and ast.unparse(node.value) in clocks
        ]
    return found


def strays(package: Path) -> list[str]:
    return sorted(
        {
            f"{name}: {library}"
            for name, tree in trees(package)
            for library in (what.partition(".")[0] for what, _ in imports(tree))
            if library in PORTS and not lies_in(name, PORTS[library])
        }
    )


def swallowers(package: Path) -> list[str]:
    """Find what catches everything; cleaning up in `except BaseException: …; raise` is fine."""

    def caught(handler: ast.ExceptHandler) -> set[str]:
        if handler.type is None:
            return {"everything"}
        kinds = handler.type.elts if isinstance(handler.type, ast.Tuple) else [handler.type]
        names = {ast.unparse(kind).removeprefix("builtins.") for kind in kinds}
        last = handler.body[-1]
        again = isinstance(last, ast.Raise) and last.exc is None
        return names & ({"Exception"} if again else {"Exception", "BaseException"})

    return [
        f"{name}:{node.lineno}: catches {', '.join(sorted(caught(node)))}"
        for name, tree in trees(package)
        if not any(lies_in(name, face) for face in FACES)
        for node in ast.walk(tree)
        if isinstance(node, ast.ExceptHandler) and caught(node)
    ]


def vague(package: Path) -> list[str]:
    """Find modules and packages named after nothing in particular (`task_helpers`, `utils`)."""
    return [
        name
        for name, _ in modules(package)
        if any(word in VAGUE or word.removesuffix("s") in VAGUE for part in name.split(".") for word in part.split("_"))
    ]


def broken_scripts(folder: Path) -> list[str]:
    """Find scripts that are not executable, name no shell we know, or do not parse."""
    found = []
    for path in sorted(folder.iterdir()):
        if path.is_dir() or path.suffix == ".json":
            continue
        shell = SHELLS.get(path.read_text(encoding="utf-8").partition("\n")[0])
        if not os.access(path, os.X_OK):
            found.append(f"{path.name}: not executable")
        if shell is None:
            found.append(f"{path.name}: begins with no known shell")
        elif subprocess.run([shell, "-n", str(path)], capture_output=True, check=False).returncode:
            found.append(f"{path.name}: {shell} -n refuses it")
    return found


# Words of Claude Code's own: its files, arguments, variables, events, tools. A core that knows one of them behaves
# by it, and another program would have to imitate it.
OF_CLAUDE = re.compile(
    r"CLAUDE_[A-Z]|\.claude\b|--settings\b|--session-id|--append-system-prompt|hook_event_name|transcript_path"
    r"|SessionStart|UserPromptSubmit|PermissionRequest|PostToolUse|StopFailure|SessionEnd|keybindings\.json"
    r"|settings\.local|\bquota_|AskUserQuestion|ExitPlanMode|dialog open|parkedJobId"
)
# Who may know them: its provider, the echo agent, which speaks as it does, and what serves the user's own Claude Code.
KNOW_CLAUDE = ("providers.claude", "providers.echo", "chief", "doctor", "setup", "editor", "cli")
# `.claude.json` tells which folders the user trusts, and is read before a project may name a provider.
KNOW_CLAUDE_TOO = ("config.trust",)


def claudes(package: Path) -> list[str]:
    """Find texts of the core, but for docstrings, with words that belong to the provider of Claude Code."""
    found = []
    for name, tree in trees(package):
        if any(lies_in(name, home) for home in (*KNOW_CLAUDE, *KNOW_CLAUDE_TOO)):
            continue
        docstrings = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
        found += [
            f"{name}:{node.lineno}: {word.group()}"
            for node in ast.walk(tree)
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docstrings
            if (word := OF_CLAUDE.search(node.value))
        ]
    return found


# Modules of ours that are loaded in a function, each for pydantic, which takes 60 ms and is rarely needed there:
# a `.delegate` file, which only programs write, and settings that have changed since they were read last.
LOADED_LATE = {"editor.main: flowloom.editor.delegate_file", "config.settings: flowloom.config.schema.parse"}


def hidden(package: Path) -> list[str]:
    """Find imports of our own modules in functions, which no reader of a module's head sees."""
    return [
        place
        for name, tree in trees(package)
        for node in ast.walk(tree)
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))
        for what, _ in imports(ast.Module(node.body, []))
        if lies_in(what, "flowloom") and (place := f"{name}: {what}") not in LOADED_LATE
    ]


CHECKS = [claudes, hidden, oversized, undocumented, sleepers, strays, swallowers, vague]


def test_there_is_a_package_to_look_at() -> None:
    assert {"cli", "hook", "errors"} <= {name.partition(".")[0] for name, _ in modules(PACKAGE)}


@pytest.mark.parametrize("check", CHECKS)
def test_the_house_holds(check: Callable[[Path], list[str]]) -> None:
    assert check(PACKAGE) == []


@pytest.mark.parametrize("folder", ["hooks", "bin", "bin/lib"])
def test_scripts_run_and_parse(folder: str) -> None:
    scripts = ROOT / folder
    if folder == "bin/lib":  # sourced, so neither executable nor headed
        assert all(subprocess.run(["sh", "-n", str(path)], check=False).returncode == 0 for path in scripts.iterdir())
    else:
        assert any(scripts.iterdir())
        assert broken_scripts(scripts) == []


WRONG = [
    (claudes, "turns/reported", "x = payload['hook_event_name']\n", ["turns.reported:1: hook_event_name"]),
    (claudes, "agents/launch", "y = f'{home}/.claude/{name}'\n", ["agents.launch:1: .claude"]),
    (claudes, "agents/launch", "def f():\n    'Take --settings.'\n    return '-c'\n", []),
    (claudes, "providers/claude/program", "x = '--settings'\n", []),
    (claudes, "chief/settings_files", "x = '.claude/settings.local.json'\n", []),
    (hidden, "tasks/store", "def f():\n    from flowloom.tasks import index\n", ["tasks.store: flowloom.tasks.index"]),
    (hidden, "tasks/store", "def f():\n    import flowloom.crash\n", ["tasks.store: flowloom.crash"]),
    (hidden, "tasks/store", "from flowloom.tasks import index\ndef f():\n    import json\n", []),
    (hidden, "editor/main", "def f():\n    from flowloom.editor import delegate_file\n", []),
    (oversized, "long", "x = 1\n" * 401, ["long: 401 lines"]),
    (oversized, "fits", "x = 1\n" * 400, []),
    (undocumented, "mute", "def spoken():\n    '''Say.'''\ndef mute(): ...\n", ["mute: mute"]),
    (undocumented, "mute", "class Mute:\n    def run(self): ...\n", ["mute: Mute", "mute: Mute.run"]),
    (undocumented, "own", "def _own(): ...\nclass _Own:\n    def run(self): ...\n", []),
    (sleepers, "nap", "import time\ntime.sleep(1)\n", ["nap:2: time.sleep"]),
    (sleepers, "nap", "import time as t\nnap = t.sleep\n", ["nap:2: t.sleep"]),
    (sleepers, "nap", "from time import sleep as doze\n", ["nap: from time import sleep"]),
    (sleepers, "nap", "import time\ntime.monotonic()\nself.sleep()\n", []),
    (sleepers, "clock", "import time\ntime.sleep(1)\n", []),
    (strays, "agents", "import libtmux\n", ["agents: libtmux"]),
    (strays, "agents", "def f():\n    from psutil import Process\n", ["agents: psutil"]),
    (strays, "ports/procs", "import psutil\n", []),
    (strays, "cli/start", "import click\nimport psutil.tests\n", ["cli.start: psutil"]),
    (strays, "client", "import click\n", ["client: click"]),
    (swallowers, "tasks", "try: f()\nexcept: pass\n", ["tasks:2: catches everything"]),
    (swallowers, "tasks", "try: f()\nexcept Exception: raise\n", ["tasks:2: catches Exception"]),
    (swallowers, "tasks", "try: f()\nexcept (OSError, Exception) as e: g(e)\n", ["tasks:2: catches Exception"]),
    (swallowers, "tasks", "try: f()\nexcept BaseException: g()\n", ["tasks:2: catches BaseException"]),
    (swallowers, "files", "try: f()\nexcept BaseException:\n    g()\n    raise\n", []),
    (swallowers, "files", "try: f()\nexcept OSError: g()\n", []),
    (swallowers, "cli/main", "try: f()\nexcept Exception: g()\n", []),
    (vague, "utils", "", ["utils"]),
    (vague, "task_helper", "", ["task_helper"]),
    (vague, "common/paths", "", ["common.paths"]),
    (vague, "metadata", "", []),
]


@pytest.mark.parametrize(("check", "module", "source", "complaints"), WRONG)
def test_a_check_bites(
    tmp_path: Path, check: Callable[[Path], list[str]], module: str, source: str, complaints: list[str]
) -> None:
    path = tmp_path / f"{module}.py"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(source, encoding="utf-8")
    assert check(tmp_path) == complaints


@pytest.mark.parametrize(
    ("source", "mode", "complaints"),
    [
        ("#!/bin/sh\nexit 0\n", 0o755, []),
        ("#!/bin/sh\nexit 0\n", 0o644, ["hook: not executable"]),
        ("#!/bin/sh\nif true; then\n", 0o755, ["hook: sh -n refuses it"]),
        ("#!/usr/bin/perl\n", 0o755, ["hook: begins with no known shell"]),
    ],
)
def test_a_broken_script_is_found(tmp_path: Path, source: str, mode: int, complaints: list[str]) -> None:
    (tmp_path / "hooks.json").write_text("{}", encoding="utf-8")
    path = tmp_path / "hook"
    path.write_text(source, encoding="utf-8")
    path.chmod(mode)
    assert broken_scripts(tmp_path) == complaints


@pytest.mark.parametrize(
    ("case", "verdict"),
    [
        ('classname="tests.claude.test_turn" name="test_it[2.1.197]"', 0),
        ('classname="tests.faults.test_kill" name="test_it[kill-2.1.197-late]"', 0),
        ('classname="tests.claude.test_turn" name="test_it[2.1.1970]"', 1),
        ('classname="tests.claude.test_turn" name="test_it[12.1.197]"', 1),
        ('classname="tests.unit.test_turn" name="test_it[2.1.197]"', 1),
        ('classname="tests.claude.test_turn" name="test_it"', 1),
    ],
)
@pytest.mark.parametrize("outcome", ["", "<skipped/>", "<failure/>", "<error/>"])
def test_ci_sees_whether_claude_ran(tmp_path: Path, case: str, verdict: int, outcome: str) -> None:
    junit = tmp_path / "junit.xml"
    junit.write_text(f"<testsuites><testsuite><testcase {case}>{outcome}</testcase></testsuite></testsuites>")
    command = [sys.executable, str(ROOT / ".ci" / "claude_ran.py"), str(junit), "2.1.197"]
    assert subprocess.run(command, capture_output=True, check=False).returncode == (1 if outcome else verdict)


@pytest.mark.parametrize("module", ["editor.main", "hook.main", "hook.call"])
def test_what_somebody_waits_for_loads_nothing_slow(module: str) -> None:
    # As `hooks/` run it; without `site`, which loads what the machine's own .pth files ask for.
    code = f"import sys; sys.path.insert(0, {str(PACKAGE.parent)!r}); import flowloom.{module}; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-I", "-S", "-c", code], capture_output=True, check=True).stdout
    assert (SLOW_IN_A_HOOK if module.startswith("hook.") else SLOW) & set(loaded.decode().split()) == set()
    assert f"flowloom.{module}" in loaded.decode()


def filled(files: list[Path]) -> list[str]:
    """Find those of the package markers that hold anything: a hook call loads each of them."""
    return [path.parent.name for path in files if path.read_text("utf-8").strip()]


def test_a_hook_call_loads_empty_packages(tmp_path: Path) -> None:
    code = f"import sys; sys.path.insert(0, {str(PACKAGE.parent)!r})\n"
    code += "import flowloom.hook.main, flowloom.providers.claude.program\n"
    code += "packages = [m for n, m in sys.modules.items() if n.startswith('flowloom.') and hasattr(m, '__path__')]\n"
    code += "print(*(m.__file__ for m in packages))"
    loaded = subprocess.run([sys.executable, "-I", "-S", "-c", code], capture_output=True, check=True).stdout
    markers = [Path(name) for name in loaded.decode().split()]
    assert {"hook", "store", "turns", "tasks", "providers"} <= {path.parent.name for path in markers}
    assert filled(markers) == []
    (tmp_path / "__init__.py").write_text('"""What is here."""\n')
    assert filled([tmp_path / "__init__.py"]) == [tmp_path.name]


def unused(dependencies: list[str], sources: list[str]) -> list[str]:
    """Find dependencies that nothing imports: each is downloaded, audited and updated for nothing."""
    trees = [ast.parse(source) for source in sources]
    nodes = [node for tree in trees for node in ast.walk(tree)]
    plain = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    named = plain | {node.module or "" for node in nodes if isinstance(node, ast.ImportFrom)}
    imported = {name.partition(".")[0] for name in named}
    return [name for each in dependencies if (name := re.split(r"[^\w-]", each)[0]) not in imported]


def test_every_dependency_is_imported() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    assert unused(project["dependencies"], [path.read_text("utf-8") for path in PACKAGE.rglob("*.py")]) == []
    assert unused(["click>=1", "watchfiles>=1.0"], ["def f():\n    from click.core import x\n"]) == ["watchfiles"]
