# Commands for developers. Each target runs in the clone's own .venv.
BIN := .venv/bin
PYTEST := $(BIN)/python -m pytest
COVERAGE := build/coverage

.PHONY: picture check lint types floors unit contract tmux claude faults test trial bench cover docs demo setup format clean

check: lint types floors unit  ## run before every commit; takes seconds

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: setup
	$(BIN)/mypy

floors: setup  ## which module may import which; the rules are in pyproject.toml
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

trial:  ## test with npm's newest Claude Code, or CLAUDE=x.y.z; pin it if everything passes
	@CLAUDE='$(CLAUDE)' .ci/trial

bench: setup
	$(BIN)/python -m bench

cover:  ## coverage of everything but the command line, at least 90 %
	rm -rf $(COVERAGE) && mkdir -p $(COVERAGE)
	bin/test --cov --cov-report=html:$(COVERAGE)/html --cov-report=term

docs: setup  ## the generated parts of docs/
	$(BIN)/python docs/generate.py

demo:
	bin/demo

format: setup
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

setup:
	@root=$$(pwd -P); . bin/lib/setup.sh; ensure_venv dev

clean:  ## keeps .venv and the tests' Claude Code
	rm -rf build dist .mypy_cache .ruff_cache .pytest_cache .import_linter_cache

picture: ## the README's picture, recorded from a real run: make picture CLAUDE=/path/to/claude
	PYTHONPATH=. $(BIN)/python docs/picture.py $(CLAUDE)
