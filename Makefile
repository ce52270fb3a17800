# What a developer types. Each target is one command, run in the clone's own .venv.
BIN := .venv/bin
PYTEST := $(BIN)/python -m pytest
COVERAGE := build/coverage

.PHONY: picture check lint types floors unit contract tmux claude faults test trial bench cover docs demo setup format clean

check: lint types floors unit  ## before every commit; seconds

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: setup
	$(BIN)/mypy

floors: setup  ## who may import whom; the rules stand in pyproject.toml
	$(BIN)/lint-imports

unit:
	bin/test tests/unit tests/arch

contract:
	bin/test tests/contract

tmux:
	bin/test tests/tmux

claude:
	bin/test tests/claude tests/e2e

faults:
	bin/test tests/faults

test:  ## everything, with the oldest supported and the newest tested Claude Code
	bin/test

trial:  ## the newest Claude Code of npm, or CLAUDE=x.y.z: what breaks; where all holds, the pin moves
	@CLAUDE='$(CLAUDE)' .ci/trial

bench: setup
	$(BIN)/python -m bench

cover:  ## every floor below the faces, at least 90 %
	rm -rf $(COVERAGE) && mkdir -p $(COVERAGE)
	bin/test --cov --cov-report=html:$(COVERAGE)/html --cov-report=term

docs: setup  ## the parts of docs/ that are facts of the code
	$(BIN)/python docs/generate.py

demo:
	bin/demo

format: setup
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

setup:
	@root=$$(pwd -P); . bin/lib/setup.sh; ensure_venv dev

clean:  ## .venv and the tests' Claude Code stay
	rm -rf build dist .mypy_cache .ruff_cache .pytest_cache .import_linter_cache

picture: ## the README's picture, played for real: make picture CLAUDE=/path/to/claude
	PYTHONPATH=. $(BIN)/python docs/picture.py $(CLAUDE)
