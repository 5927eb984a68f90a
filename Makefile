# Every target sets itself up from nothing but make and python3 (3.11 or newer, with venv).

PYTHON ?= python3
BIN := .venv/bin
READY := .venv/.ready
# The suite mostly waits: for limits, pauses, processes. Half as many again as there are cores wait together.
AT_ONCE := $(shell echo $$(( ($$(nproc 2>/dev/null || echo 2) * 3 + 1) / 2 )))
NODE_READY := tests/interop/node_modules/.package-lock.json
BRIDGE_READY := bridge/node_modules/.package-lock.json

export PIP_DISABLE_PIP_VERSION_CHECK := 1

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help setup run test test-unit test-bridge interop check format chaos chaos-long bench rehearse screenshots docs docs-serve clean lock

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: $(READY) ## Make .venv with everything that the other targets need

run: $(READY) $(if $(filter 1 true yes on,$(OXYQ_DEMO_BAILEYS)),bridge-packages) ## Start it all: embedded Redis, API, workers and a demo shop, on http://localhost:3001
	@exec $(BIN)/oxyq dev

test: $(READY) node-packages bridge-packages ## Run the whole test suite
	$(BIN)/pytest tests -n $(AT_ONCE) --dist loadfile $(ARGUMENTS)
	@[ ! -e $(BRIDGE_READY) ] || $(MAKE) --no-print-directory test-bridge

test-bridge: bridge-packages ## Run only the tests of the Baileys bridge, with the real Baileys and a fake WhatsApp
	cd bridge && node --test

test-unit: $(READY) ## Run only the tests that need no Redis (seconds)
	$(BIN)/pytest tests/unit -n logical --dist loadfile

interop: $(READY) node-packages ## Run only the tests against the real Node packages
	$(BIN)/pytest tests/interop

check: $(READY) ## Format, lint, types, import direction, unit tests (under a minute)
	$(BIN)/ruff format --check
	$(BIN)/ruff check
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/pytest tests/unit -n logical --dist loadfile

format: $(READY) ## Format the code and mend what lint can mend by itself
	$(BIN)/ruff format
	$(BIN)/ruff check --fix

chaos: $(READY) ## Break real processes at random, and count everything afterwards (2 minutes; ARGUMENTS="--seed 7")
	@exec $(BIN)/python -m tests.chaos $(ARGUMENTS)

chaos-long: $(READY) ## The same with the timings that users get, ten runs, into docs/chaos.md (40 minutes; ARGUMENTS=)
	@exec $(BIN)/python -m tests.chaos --long --write $(ARGUMENTS)

rehearse: $(READY) ## Build and run what render.yaml, compose.yaml, the units and the manifests say (3 minutes; ARGUMENTS=render: one of them)
	@exec $(BIN)/python -m tests.deploy $(ARGUMENTS)

bench: $(READY) ## Measure speed beside other queues (an hour or so; ARGUMENTS=--quick: a minute)
	@exec $(BIN)/python -m benchmarks $(ARGUMENTS)

screenshots: $(READY) ## Make the pictures of the board in docs/board anew (needs Chromium)
	$(BIN)/python -m tests.browser.showcase

docs: $(READY) ## Build the documentation as a site, into .site (open .site/index.html)
	@NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict

docs-serve: $(READY) ## Show it at localhost:8000, as it is while you write
	@NO_MKDOCS_2_WARNING=1 exec $(BIN)/mkdocs serve

clean: ## Remove what make made (.venv, node_modules, caches); the data in .oxyq stays
	rm -rf .venv .bench-venv .site dist tests/interop/node_modules bridge/node_modules benchmarks/node_modules .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache
	find src tests benchmarks -name __pycache__ -type d -prune -exec rm -rf {} +

lock: $(BIN)/python ## Remake requirements/*.txt and package-lock.json; with UPGRADE=1 take the newest versions
	$(BIN)/pip install --quiet --require-hashes -r requirements/uv.txt
	$(BIN)/uv pip compile pyproject.toml $(COMPILE) --output-file requirements/runtime.txt
	$(BIN)/uv pip compile pyproject.toml $(COMPILE) --all-extras --constraint requirements/runtime.txt --output-file requirements/production.txt
	$(BIN)/uv pip compile pyproject.toml $(COMPILE) --group dev --constraint requirements/runtime.txt --output-file requirements/dev.txt
	$(BIN)/uv pip compile requirements/build.in $(COMPILE) --constraint requirements/dev.txt --output-file requirements/build.txt
	$(BIN)/uv pip compile requirements/uv.in $(COMPILE) --output-file requirements/uv.txt
	$(BIN)/uv pip compile benchmarks/requirements.in $(COMPILE) --output-file benchmarks/requirements.txt
	for folder in tests/interop bridge benchmarks; do (cd $$folder && \
		npm $(if $(UPGRADE),update,install) --package-lock-only --ignore-scripts --no-audit --no-fund) || exit 1; done

# One file for all systems and Pythons, with hashes, and without an address of where it came from.
COMPILE := --quiet --universal --python-version 3.11 --generate-hashes \
	--no-annotate --custom-compile-command "make lock" $(if $(UPGRADE),--upgrade)

$(BIN)/python:
	@command -v $(PYTHON) >/dev/null || { \
		echo "Oxyq needs Python 3.11 or newer, and there is no $(PYTHON) here: apt-get install python3 python3-venv" >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
		echo "Oxyq needs Python 3.11 or newer, and $(PYTHON) is $$($(PYTHON) -V 2>&1)." \
			"Name a newer one: make PYTHON=python3.12" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { \
		echo "Python's venv module is missing: apt-get install python3-venv" >&2; exit 1; }
	$(PYTHON) -m venv .venv

$(READY): $(BIN)/python requirements/runtime.txt requirements/dev.txt pyproject.toml
	$(BIN)/pip install --quiet --require-hashes -r requirements/dev.txt
	$(BIN)/pip install --quiet --no-deps --no-build-isolation -e .
	@touch $@

# Without npm the interop tests are skipped on a user's machine; when CI=true that is an error.
.PHONY: node-packages
node-packages:
	@if [ $(NODE_READY) -nt tests/interop/package-lock.json ]; then exit 0; \
	elif command -v npm >/dev/null; then cd tests/interop && npm ci --ignore-scripts --no-audit --no-fund; \
	else echo "npm is missing, so the tests with real Node packages are skipped: apt-get install nodejs npm" >&2; \
		[ "$$CI" != true ]; fi

# Baileys needs a newer Node than the rest, and than Debian 12 has.
.PHONY: bridge-packages
bridge-packages:
	@if [ $(BRIDGE_READY) -nt bridge/package-lock.json ]; then exit 0; \
	elif command -v npm >/dev/null && node -e 'process.exit(+(parseInt(process.versions.node) < 20))'; then \
		cd bridge && npm ci --ignore-scripts --no-audit --no-fund; \
	else echo "The Baileys bridge needs npm and Node 20 or newer, so it is left out: see nodejs.org" >&2; \
		[ "$$CI" != true ]; fi
