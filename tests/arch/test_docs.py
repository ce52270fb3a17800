"""The documentation says what is true: its links lead somewhere, its names exist, its tables are the code's."""

from __future__ import annotations

import ast
import importlib.util
import re
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

from flowloom import errors
from flowloom.config import settings
from flowloom.tasks import steps
from flowloom.turns import states

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
REFERENCE = DOCS / "reference"


def pages() -> list[Path]:
    return [*sorted(DOCS.rglob("*.md")), ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md"]


def named(path: Path) -> str:
    return str(path.relative_to(ROOT))


@pytest.fixture(scope="module")
def generate() -> ModuleType:
    """`docs/generate.py`, which is a script and in no package."""
    spec = importlib.util.spec_from_file_location("docs_generate", DOCS / "generate.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def anchors(text: str) -> set[str]:
    """Return the anchors of a page's headings, as GitHub makes them."""
    titles = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


def broken_links(page: Path) -> list[str]:
    found = []
    text = re.sub(r"^```.*?^```", "", page.read_text("utf-8"), flags=re.DOTALL | re.MULTILINE)
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        path, _, anchor = target.partition("#")
        if re.match(r"[a-z]+:", target):
            continue
        there = page.parent / path if path else page
        if not there.exists() or (anchor and anchor not in anchors(there.read_text("utf-8"))):
            found.append(target)
    return found


def typed_commands(text: str) -> Iterator[list[str]]:
    """Yield each `flowloom …` in code, as its words, up to what ends a command in a shell."""
    blocks = re.findall(r"^```(?:sh|console)?\n(.*?)^```", text, re.DOTALL | re.MULTILINE)
    inline = re.findall(r"`([^`\n]+)`", re.sub(r"^```.*?^```", "", text, flags=re.DOTALL | re.MULTILINE))
    for code in [line for block in blocks for line in block.splitlines()] + inline:
        for found in re.finditer(r"(?:^|[\s$;(])(?:bin/)?flowloom ([^;#|]*)", code):
            yield re.sub(r"\"[^\"]*\"?|'[^']*'?", "TEXT", found.group(1)).split()


def wrong_commands(text: str, known: dict[str, set[str]]) -> list[str]:
    """Find commands and options that do not exist."""
    wrong = []
    for words in typed_commands(text):
        ours = words[: words.index("--")] if "--" in words else words
        if not ours or not re.fullmatch(r"[a-z]+|-.*", ours[0]):
            continue
        allowed = known.get(ours[0], set() if ours[0] != "--version" else {"--version"})
        if ours[0] not in known and ours[0] not in ("--version", "-h", "--help"):
            wrong.append(ours[0])
        wrong += [
            f"{ours[0]} {word}"
            for word in ours[1:]
            if re.match(r"--?[a-z]", word) and word.split("=")[0] not in allowed | {"-h", "--help"}
        ]
    return wrong


@pytest.fixture(scope="module")
def known(generate: ModuleType) -> dict[str, set[str]]:
    """Every command of `flowloom` with its options."""
    return {
        name: {option for each in command.params for option in each.opts if option.startswith("-")}
        for name, command in generate.commands().items()
    }


@pytest.mark.parametrize("page", pages(), ids=named)
def test_every_link_leads_somewhere(page: Path) -> None:
    assert broken_links(page) == []


@pytest.mark.parametrize("page", pages(), ids=named)
def test_a_page_names_commands_that_exist(page: Path, known: dict[str, set[str]]) -> None:
    assert wrong_commands(page.read_text("utf-8"), known) == []


@pytest.mark.parametrize("path", sorted((ROOT / "src").rglob("*.py")), ids=named)
def test_a_hint_names_commands_that_exist(path: Path, known: dict[str, set[str]]) -> None:
    found = re.findall(
        r"flowloom ((?:start|stop|agents|attach|ask|wait|reply|tasks|cancel)[^\"'`;]*)", path.read_text("utf-8")
    )
    assert [wrong for words in found for wrong in wrong_commands(f"`flowloom {words}`", known)] == []


def test_the_generated_parts_are_those_of_the_code(generate: ModuleType) -> None:
    assert [named(page) for page in generate.stale()] == []


def test_every_generated_part_stands_somewhere(generate: ModuleType) -> None:
    used = [name for page in DOCS.rglob("*.md") for _, name, _ in generate.PART.findall(page.read_text("utf-8"))]
    assert sorted(used) == sorted(generate.PARTS)


def test_every_command_and_option_is_in_the_reference(known: dict[str, set[str]]) -> None:
    text = (REFERENCE / "cli.md").read_text("utf-8")
    sections = dict(re.findall(r"^## (\w+)\n(.*?)(?=^## |\Z)", text, re.DOTALL | re.MULTILINE))
    assert known.keys() <= sections.keys()
    missing = [
        f"{name} {option}" for name, options in known.items() for option in options if option not in sections[name]
    ]
    assert missing == []


def test_every_exit_code_is_in_the_reference() -> None:
    kinds = [
        each for each in vars(errors).values() if isinstance(each, type) and issubclass(each, errors.FlowLoomError)
    ]
    codes = {0, *(kind.exit_code for kind in kinds)}
    listed = re.findall(r"^\| `(\d+)` \|", (REFERENCE / "exit-codes.md").read_text("utf-8"), re.MULTILINE)
    assert sorted(map(int, listed)) == sorted(codes)


def test_every_variable_of_the_code_is_in_the_reference_and_the_other_way_round() -> None:
    scripts = [*(ROOT / "hooks").iterdir(), *(path for path in (ROOT / "bin").rglob("*") if path.is_file())]
    sources = [*(ROOT / "src").rglob("*.py"), *scripts]
    said = {name for path in sources for name in re.findall(r"FLOWLOOM_[A-Z_]*[A-Z]", path.read_text("utf-8"))}
    listed = set(re.findall(r"`(FLOWLOOM_[A-Z_]+)`", (REFERENCE / "environment.md").read_text("utf-8")))
    assert listed == said
    assert set(settings.ENVIRONMENT.values()) <= listed


def test_every_word_of_the_glossary_is_used() -> None:
    words = re.findall(r"^\| \*\*([^*]+)\*\* \|", (REFERENCE / "glossary.md").read_text("utf-8"), re.MULTILINE)
    others = [path for path in pages() if path.name != "glossary.md"]
    text = " ".join(path.read_text("utf-8") for path in [*others, *(ROOT / "src").rglob("*.py")]).lower()
    assert len(words) > 20
    assert [word for word in words if not re.search(rf"\b{word.lower()}s?\b", text)] == []


# Documents are described by their schemas, errors by the tree in errors.py.
DESCRIBED = {"TypedDict", "BaseModel", "Exception"}


def classes(package: Path) -> dict[str, tuple[Path, set[str]]]:
    """Return the public classes of a package: where each is, and the names of all its bases."""
    trees = {path: ast.parse(path.read_text("utf-8")) for path in sorted(package.rglob("*.py"))}
    nodes = [(path, node) for path, tree in trees.items() for node in tree.body if isinstance(node, ast.ClassDef)]
    bases: dict[str, set[str]] = {}
    for _, node in nodes:
        bases.setdefault(node.name, set()).update(bases_of(node))

    def all_bases(names: set[str]) -> set[str]:
        more = names.union(*(bases.get(name, set()) for name in names))
        return names if more == names else all_bases(more)

    public = [(path, node) for path, node in nodes if not node.name.startswith("_")]
    return {f"{path.relative_to(package)}: {node.name}": (path, all_bases(bases_of(node))) for path, node in public}


def bases_of(node: ast.ClassDef) -> set[str]:
    return {ast.unparse(base).rpartition(".")[2] for base in node.bases}


def nameless(package: Path, glossary: str) -> list[str]:
    """Find classes that stand neither in the glossary nor in the docstring of their package."""
    found = []
    for where, (path, bases) in classes(package).items():
        marker = path.parent / "__init__.py"
        docstring = ast.get_docstring(ast.parse(marker.read_text("utf-8"))) if marker.exists() else ""
        name = f"`{where.rpartition(' ')[2]}`"
        if not bases & DESCRIBED and name not in glossary and name not in (docstring or ""):
            found.append(where)
    return found


def test_every_class_has_a_name_of_the_field() -> None:
    assert nameless(ROOT / "src" / "flowloom", (REFERENCE / "glossary.md").read_text("utf-8")) == []


def test_every_class_of_the_glossary_exists() -> None:
    section = (REFERENCE / "glossary.md").read_text("utf-8").partition("## In the code")[2]
    listed = {
        name for row in re.findall(r"^\| (`[^|]*) \|", section, re.MULTILINE) for name in re.findall(r"`(\w+)`", row)
    }
    assert listed - {where.rpartition(" ")[2] for where in classes(ROOT / "src" / "flowloom")} == set()


def test_a_class_without_a_name_is_found(tmp_path: Path) -> None:
    (tmp_path / "rooms").mkdir()
    (tmp_path / "rooms" / "__init__.py").write_text('"""Rooms. A `Lobby` is the first one."""\n')
    (tmp_path / "rooms" / "a.py").write_text(
        "class Lobby: ...\nclass Errand: ...\nclass _Own: ...\nclass Kept(TypedDict): ...\nclass More(Kept): ...\n"
        "class Lost(errors.Gone): ...\nclass Place: ...\nclass Gone(Exception): ...\n"
    )
    assert nameless(tmp_path, "a `Place` in line; no Errand") == ["rooms/a.py: Errand"]


def test_the_glossary_has_every_state_and_step() -> None:
    text = (REFERENCE / "glossary.md").read_text("utf-8")
    assert [each for each in [*states.State, *steps.Step] if each not in text] == []


def test_every_page_is_in_the_list_of_pages() -> None:
    listed = re.findall(r"\]\(([^)]+\.md)\)", (DOCS / "README.md").read_text("utf-8"))
    there = [str(path.relative_to(DOCS)) for path in DOCS.rglob("*.md") if path != DOCS / "README.md"]
    assert sorted(listed) == sorted(there)


def addresses(text: str) -> list[str]:
    """Return the git addresses that a page tells people to clone or to install from."""
    return re.findall(r"(?:git\+|git clone )((?:https?|ssh)://[^\s`'\"]+|git@[^\s`'\"]+)", text)


def test_a_repositorys_address_stands_in_one_place() -> None:
    urls = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"].get("urls", {})
    named = {address for page in pages() for address in addresses(page.read_text("utf-8"))}
    assert named <= {urls.get("Repository", "")}
    text = "`uv tool install git+https://example.org/a/b` or git clone git@example.org:a/b\n"
    assert addresses(text) == ["https://example.org/a/b", "git@example.org:a/b"]


def test_the_readme_shows_how_to_install_first() -> None:
    blocks = re.findall(r"^```sh\n(.*?)^```", (ROOT / "README.md").read_text("utf-8"), re.DOTALL | re.MULTILINE)
    first = [line.split("#")[0].strip() for line in blocks[0].splitlines()]
    assert first == ["uv tool install .", "flowloom setup", "flowloom doctor"]
    assert "pipx install ." in blocks[0]


# The checks themselves.


@pytest.mark.parametrize(
    ("text", "broken"),
    [
        ("[a](b.md)", []),
        ("[a](b.md#the-end)", []),
        ("[a](#here-it-is)\n\n# Here, it is!", []),
        ("[a](https://example.org/x)", []),
        ("```\n[a](nowhere.md)\n```", []),
        ("[a](nowhere.md)", ["nowhere.md"]),
        ("[a](b.md#no-end)", ["b.md#no-end"]),
    ],
)
def test_a_broken_link_is_found(tmp_path: Path, text: str, broken: list[str]) -> None:
    (tmp_path / "b.md").write_text("# The end\n")
    (tmp_path / "a.md").write_text(text)
    assert broken_links(tmp_path / "a.md") == broken


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("`flowloom ask NAME`", []),
        ("`flowloom ask --json NAME -- --model x`", []),
        ('```sh\nflowloom ask planning "what does --verbose do?"\n```', []),
        ("`flowloom`, a `flowloom.toml` and the flowloom command", []),
        ("`flowloom sing NAME`", ["sing"]),
        ("```console\n$ flowloom ask --loud planning\n```", ["ask --loud"]),
        ("```sh\nx=$(flowloom tasks --nosuch)\n```", ["tasks --nosuch)"]),
    ],
)
def test_a_wrong_command_is_found(text: str, wrong: list[str]) -> None:
    assert wrong_commands(text, {"ask": {"--json"}, "tasks": set()}) == wrong


def test_a_stale_part_is_found(generate: ModuleType) -> None:
    page = "before\n<!-- generated: states -->\nold\n<!-- end -->\nafter\n"
    assert generate.generated(page) != page
    assert generate.generated(generate.generated(page)) == generate.generated(page)
    assert sys.modules.get("docs_generate") is None
