# emops: everything a newcomer, a developer and CI call. `make help` lists it.
# Needs python3 (>= 3.11, with venv), git and make; all else comes into .venv from constraints.txt.

SHELL := /bin/bash
.SHELLFLAGS := -o pipefail -c
PYTHON ?= python3
BIN := .venv/bin
export PIP_CONSTRAINT := $(CURDIR)/constraints.txt
export PIP_DISABLE_PIP_VERSION_CHECK := 1
# Tests of links wait more than they compute.
WORKERS ?= $(shell expr 2 \* $$(nproc))
CODE := shared hardware station backend simulators tests

.DEFAULT_GOAL := check
.PHONY: help check format lint types layers fast test bench bench-rating bench-intake bench-invoices bench-rendering bench-mail bench-modbus bench-console bench-station bench-bytes storm demo constraints clean

help:  ## list these targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-12s %s\n", $$1, $$2}'

check: lint types layers fast  ## format check, ruff, mypy, import layers, fast tests (the default)

demo: .venv/.demo  ## the main job, live: one charge from the meter's register to an invoice in a mailbox (ONCE=1 ends by itself)
	@$(BIN)/emops-sim demo --dir .demo $(if $(ONCE),--once)

test: .venv/.dev  ## all tests; what needs Chromium says so if it is missing
	$(BIN)/pytest -n $(WORKERS) -rs

fast: .venv/.dev  ## unit tests without the slow ones
	$(BIN)/pytest -n $(WORKERS) -m "not slow" tests/unit

bench: bench-rating bench-intake bench-invoices bench-rendering bench-mail bench-modbus bench-console bench-station bench-bytes  ## all measures, each against a baseline of the same run

bench-rating: .venv/.dev  ## what rating costs, per session and against a plain loop (N=10000 sessions)
	$(BIN)/python -m tests.bench.bench_rating $(N)

bench-intake: .venv/.dev  ## what a message of a station costs the backend, from wire to disk
	$(BIN)/python -m tests.bench.bench_intake

bench-invoices: .venv/.dev  ## what an invoice costs, and how many are issued in a second (N=1000 invoices)
	$(BIN)/python -m tests.bench.bench_invoices $(N)

bench-rendering: .venv/.dev  ## what stations wait while invoices are rendered (N=50 stations)
	$(BIN)/python -m tests.bench.bench_rendering $(N)

bench-mail: .venv/.dev  ## what a thousand letters cost
	$(BIN)/python -m tests.bench.bench_mail $(N)

bench-station: .venv/.dev  ## the agent's memory, start and idle load, a durable append, a drained backlog (N=10000 sessions)
	$(BIN)/python -m tests.bench.bench_station $(N)

bench-bytes: .venv/.dev  ## what an hour of charging sends over the air, against a plain OCPP client
	$(BIN)/python -m tests.bench.bench_bytes

storm: .venv/.dev  ## random cuts of link and power at two stations, then every Wh is compared; not in `make test` (MINUTES=60)
	$(BIN)/python -m tests.storm $(MINUTES)
	$(BIN)/python -m tests.storm.matrix

bench-modbus: .venv/.dev  ## how near meters are read to the speed of the wire
	$(BIN)/python -m tests.bench.bench_modbus

bench-console: .venv/.dev  ## how soon the serial console answers while 1,000 lines a second are logged
	$(BIN)/python -m tests.bench.bench_console

lint: .venv/.dev
	$(BIN)/ruff format --check $(CODE)
	$(BIN)/ruff check $(CODE)

types: .venv/.dev
	$(BIN)/mypy

layers: .venv/.dev
	$(BIN)/lint-imports

format: .venv/.dev  ## format the code and mend what ruff can mend
	$(BIN)/ruff format $(CODE)
	$(BIN)/ruff check --fix $(CODE)

constraints:  ## renew constraints.txt with today's versions of everything
	rm -rf .venv-constraints && $(PYTHON) -m venv .venv-constraints
	PIP_CONSTRAINT= .venv-constraints/bin/pip install '.[station,backend,sim,dev]' hatchling editables
	sed -n '/^#/p' constraints.txt > constraints.new
	.venv-constraints/bin/pip freeze --all --exclude emops | grep -vE '^(pip|setuptools)==' >> constraints.new
	mv constraints.new constraints.txt && rm -rf .venv-constraints

clean:  ## remove the environment, the demonstration's files and caches
	rm -rf .venv .venv-constraints .demo .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis dist build

# One environment; the demonstration needs less of it than the tests, so that its first run is short.
.venv/.demo: pyproject.toml constraints.txt
	@echo "emops: creating the environment in .venv (once, about a minute) ..."
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@$(BIN)/pip install --progress-bar on -e '.[station,backend,sim]' | sed -u -n 's/^Collecting \([^ =<>!;]*\).*/  fetching \1/p; s/^Installing collected packages.*/  installing/p'
	@test -x $(BIN)/emops-sim && touch $@

.venv/.dev: pyproject.toml constraints.txt
	@echo "emops: creating the environment in .venv (once, about a minute) ..."
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@$(BIN)/pip install --progress-bar on -e '.[station,backend,sim,dev]' | sed -u -n 's/^Collecting \([^ =<>!;]*\).*/  fetching \1/p; s/^Installing collected packages.*/  installing/p'
	@test -x $(BIN)/pytest && touch $@ .venv/.demo
