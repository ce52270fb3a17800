"""The owner of an agent's life: when a program is started, what holds a start back, and what a person overrides."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from flowloom.agents import agent as agents
from flowloom.agents import launch, life, stopping
from flowloom.agents.agent import Agent
from flowloom.clock import Clock
from flowloom.config.settings import Settings
from flowloom.errors import AgentFailed, FolderGone
from flowloom.store import files, layout, state_folder
from flowloom.store.layout import AgentRef
from flowloom.turns import observed, status
from flowloom.turns import record as status_record
from flowloom.turns.states import Event, State


class Program(Clock):
    """An agent whose starts are only noted and that dies when the test says so; and its clock, which the test moves."""

    def __init__(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.place = tmp_path / "work"
        self.place.mkdir()
        self.clock = [1_000_000.0]
        self.started: list[str] = []
        self.settings = Settings()
        self.agent = Agent(AgentRef("site", "planning"))
        files.ensure_dir(layout.agent_dir(self.agent.ref))
        files.write_json(layout.spec(self.agent.ref), {"provider": "echo", "dir": str(self.place)})
        status.write(
            self.agent.ref, status_record.empty_status("planning@site", "planning", "planning", "site", "echo")
        )
        monkeypatch.setattr(launch, "spawn", self.spawn)
        for module in (agents, observed, status):
            monkeypatch.setattr(module, "wall_s", lambda: self.clock[0])
        monkeypatch.setattr(observed, "elapsed_s", lambda at: abs(self.clock[0] - at))

    def wall_s(self) -> float:
        return self.clock[0]

    def spawn(self, agent: Agent, settings: Settings, directory: str) -> str:
        self.started.append(directory)
        now = agent.status()
        status.apply(agent.ref, now, Event.SPAWN, why="started", source="spawn", pid=None, again_at=0.0)
        return ""

    def die(self, after_s: float = 1.0) -> None:
        self.clock[0] += after_s
        observed.leave(self.agent.ref, self.agent.status(), Event.GONE, "its program ended (exit 42)")

    def up(self, **more: Any) -> float:
        return life.ensure_up(self.agent, self.settings, clock=self, **more).again_at

    def state(self) -> tuple[State, str]:
        now = self.agent.status()
        return now["status"], now["why"]


@pytest.fixture
def program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Program:
    monkeypatch.setenv("FLOWLOOM_HOME", str(tmp_path / "state"))
    monkeypatch.setenv("TZ", "UTC")
    state_folder.ensure()
    return Program(tmp_path, monkeypatch)


def test_an_agent_that_dies_again_and_again_starts_later_each_time_and_then_not_at_all(program: Program) -> None:
    program.up()
    pauses = []
    for _ in range(3):
        program.die()
        again_at = program.up()
        pauses.append(again_at and again_at - program.clock[0])
        if again_at:
            assert (program.state()[0], program.agent.status()["again_at"]) == (State.BACKOFF, again_at)
            assert program.up() == again_at
            assert len(program.started) == len(pauses)
            program.clock[0] = again_at
            assert program.up() == 0.0
        assert program.state() == (State.STARTING, "started")
        assert program.agent.status()["again_at"] == 0.0
    assert pauses == [0.0, 2.0, 8.0]
    program.die()
    said = "died 4 times within two minutes; last: its program ended (exit 42)"
    for _ in range(2):
        with pytest.raises(AgentFailed, match="died 4 times"):
            program.up()
        assert program.state() == (State.FAILED, said)
    assert len(program.started) == 4
    program.clock[0] += 120
    assert program.up() == 0.0
    assert program.state()[0] is State.STARTING


def test_the_reason_names_the_deaths_the_time_and_the_last_reason(program: Program) -> None:
    for _ in range(2):
        program.up()
        program.die()
    program.up()
    assert program.state()[1].startswith("died 2 times, starts again at ")
    assert program.state()[1].endswith("; last: its program ended (exit 42)")


@pytest.mark.parametrize("deaths", [2, 4])
def test_a_person_starts_an_agent_whatever_its_deaths(program: Program, deaths: int) -> None:
    for _ in range(deaths):
        program.up(by_person=True)
        program.die()
    before = len(program.started)
    if deaths == 2:
        assert program.up() > 0
    else:
        with pytest.raises(AgentFailed):
            program.up()
    assert program.up(by_person=True) == 0.0
    assert (len(program.started), program.state()[0]) == (before + 1, State.STARTING)


@pytest.mark.parametrize("deaths", [2, 4])
def test_stopping_an_agent_that_is_held_back_lets_it_start_at_once(program: Program, deaths: int) -> None:
    for _ in range(deaths):
        program.up(by_person=True)
        program.die()
    try:
        program.up()
    except AgentFailed:
        pass
    assert program.state()[0] in (State.BACKOFF, State.FAILED)
    stopping.stop(program.agent)
    assert program.state() == (State.OFFLINE, "you stopped it")
    assert program.up() == 0.0


def test_backoff_that_no_task_waits_for_any_more_ends_and_the_reason_stays(program: Program) -> None:
    for _ in range(2):
        program.up()
        program.die()
    again_at = program.up()
    program.clock[0] = again_at + 1
    assert program.agent.reconcile()[0]["status"] is State.BACKOFF
    program.clock[0] = again_at + agents.RESTED_S
    now = program.agent.reconcile()[0]
    assert (now["status"], now["why"], now["again_at"]) == (State.OFFLINE, "its program ended (exit 42)", 0.0)


def test_an_agent_that_runs_is_left_alone(program: Program) -> None:
    program.up()
    assert program.up() == 0.0
    assert len(program.started) == 1


def test_the_workplace_says_where_it_starts_each_time(program: Program, tmp_path: Path) -> None:
    program.up()
    program.die()
    asked: list[str] = []

    def workplace(agent: Agent) -> str:
        asked.append(agent.agent_id)
        return str(tmp_path / "tree")

    program.up(workplace=workplace)
    program.up(workplace=workplace)  # it runs
    assert program.started == [str(program.place), str(tmp_path / "tree")]
    assert asked == ["planning@site"]


def test_without_its_folder_it_is_not_started(program: Program) -> None:
    program.place.rmdir()
    with pytest.raises(FolderGone):
        program.up()
    assert program.started == []


def test_nothing_else_starts_an_agent_or_watches_a_start() -> None:
    package = Path(life.__file__).parents[1]
    modules = {str(path.relative_to(package)): path.read_text() for path in package.rglob("*.py")}
    for what in ("launch.spawn(", "import Startup", "restart_policy("):
        callers = {name for name, text in modules.items() if what in text and f"def {what}" not in text}
        assert callers == {"agents/life.py"}, what
