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
BENCH_JSON ?= bench.json
FAULTS ?=
MINUTES ?=
RATE ?=
BIN := .venv/bin

help: ## print this
	@awk 'BEGIN { FS = ":.*## " } /^[a-z0-9-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
	@echo "  PYTHON=…, PORT=8080, DATA=data, DEMO=0 (no simulated carrier and agents), TESTS=path (for test)"

run: .setup-run ## set up if need be, and run everything on this machine, with a demo (DEMO=0: without)
	@exec $(BIN)/frontdoor up $(if $(PORT),--port $(PORT)) $(if $(DATA),--data "$(DATA)") $(if $(filter 0 no false,$(DEMO)),--no-demo,--demo)

cluster: .setup-dev ## every process by itself, two of each, on Kafka and PostgreSQL behind one port, with a demo
	@exec $(BIN)/python -m deploy.cluster $(if $(PORT),--port $(PORT)) $(if $(DATA),--data "$(DATA)")

test: .setup-dev ## all tests but those of `make faults` (TESTS=tests/unit for some)
	@$(BIN)/python -m pytest -n $(SHARE) --dist loadfile -m "not cluster" $(TESTS)

faults: .setup-dev ## the tests that start all processes apart and break them: ten minutes
	@$(BIN)/python -m pytest -m cluster

check: style types imports k8s-check test faults ## what review requires: style, types, direction of imports, manifests, tests

style: .setup-dev ## ruff: rules and format
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .

types: .setup-dev ## mypy, strict
	@$(BIN)/mypy

imports: .setup-dev ## imports run one way
	@$(BIN)/lint-imports

k8s-check: .setup-dev ## render k8s/overlays and check every document, strictly
	@$(BIN)/python -m deploy.manifests

integration: .setup-dev ## tests that need a real Kafka, PostgreSQL or Chromium
	@$(BIN)/python -m pytest tests/contract tests/integration tests/browser

simulate: .setup-dev ## bad mornings from seeds, audited (SEED=n for one, SEEDS=200 for many)
	@$(BIN)/python -m tests.simulation $(if $(SEED),--start $(SEED) --seeds 1,--seeds $(SEEDS))

mutations: .setup-dev ## break the router's rules one at a time: the simulation has to notice each
	@$(BIN)/python -m tests.simulation.mutations

explore: .setup-dev ## every order of everything two routers may meet, in small worlds (DEEP=1: larger ones)
	@$(BIN)/python -m tests.exploration $(if $(DEEP),--deep)

nemesis: .setup-dev ## real processes, faults from a seed, then judged (SEED=n, FAULTS=20, MINUTES=m)
	@$(BIN)/python -m tests.nemesis $(if $(SEED),--seed $(SEED)) $(if $(FAULTS),--faults $(FAULTS)) $(if $(MINUTES),--minutes $(MINUTES)) $(if $(RATE),--rate $(RATE))

bench: .setup-dev ## measure, each figure beside its floor: a table, and BENCH_JSON=bench.json
	@$(BIN)/python -m tests.bench --json "$(BENCH_JSON)"

coverage: .setup-dev ## tests, and which branches they leave out
	@$(BIN)/python -m pytest -n $(SHARE) --dist loadfile --cov --cov-report=term-missing:skip-covered

clean: ## remove what was built; keeps the data directory
	rm -rf .venv build htmlcov .coverage* .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

.setup-run .setup-dev: .setup-%:
	@command -v "$(PYTHON)" >/dev/null || { echo "$(PYTHON) is not installed. Install Python 3.11 or later, or set PYTHON=/path/to/python3." >&2; exit 1; }
	@"$(PYTHON)" deploy/setup.py $*

.PHONY: help run cluster test faults check style types imports k8s-check integration simulate mutations explore nemesis bench coverage clean .setup-run .setup-dev
