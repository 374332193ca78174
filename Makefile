# Frontdoor: `make` prints what there is.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

PYTHON ?= python3
PORT ?=
DATA ?=
DEMO ?= 1
SHARE ?= 2
TESTS ?=
SEED ?=
SEEDS ?= 200
BIN := .venv/bin

help: ## print this
	@awk 'BEGIN { FS = ":.*## " } /^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
	@echo "  PYTHON=…, PORT=8080, DATA=data, DEMO=0 (no simulated carrier and agents), TESTS=path (for test)"

run: .setup-run ## set up if need be, and run everything on this machine, with a demo (DEMO=0: without)
	@exec $(BIN)/frontdoor up $(if $(PORT),--port $(PORT)) $(if $(DATA),--data "$(DATA)") $(if $(filter 0 no false,$(DEMO)),--no-demo,--demo)

test: .setup-dev ## all tests (TESTS=tests/unit for some)
	@$(BIN)/python -m pytest -n $(SHARE) --dist loadfile $(TESTS)

check: style types imports test ## what review requires: style, types, direction of imports, tests

style: .setup-dev ## ruff: rules and format
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .

types: .setup-dev ## mypy, strict
	@$(BIN)/mypy

imports: .setup-dev ## imports run one way
	@$(BIN)/lint-imports

integration: .setup-dev ## tests that need a real Kafka, PostgreSQL or Chromium
	@$(BIN)/python -m pytest tests/contract tests/integration tests/browser

simulate: .setup-dev ## bad mornings from seeds, audited (SEED=n for one, SEEDS=200 for many)
	@$(BIN)/python -m tests.simulation $(if $(SEED),--start $(SEED) --seeds 1,--seeds $(SEEDS))

bench: .setup-dev ## measure, each figure beside its floor
	@$(BIN)/python -m tests.bench

coverage: .setup-dev ## tests, and which branches they leave out
	@$(BIN)/python -m pytest -n $(SHARE) --dist loadfile --cov --cov-report=term-missing:skip-covered

clean: ## remove what was built; keeps the data directory
	rm -rf .venv build htmlcov .coverage* .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

.setup-run .setup-dev: .setup-%:
	@command -v "$(PYTHON)" >/dev/null || { echo "$(PYTHON) is not installed. Install Python 3.11 or later, or set PYTHON=/path/to/python3." >&2; exit 1; }
	@"$(PYTHON)" deploy/setup.py $*

.PHONY: help run test check style types imports integration simulate bench coverage clean .setup-run .setup-dev
