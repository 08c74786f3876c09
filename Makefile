# phee: `make help` lists what can be done here.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
ARGS   ?=
# Two share a machine with two cores well: tests of real components mostly wait.
PROCESSES ?= 2
# Installed before the tests, whose time is limited.
TESTED := kafka zeebe mariadb opensearch prometheus

.DEFAULT_GOAL := help

help: ## List the commands
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sort | awk -F':.*## ' '{printf "  make %-16s %s\n", $$1, $$2}'

define create_venv
	@command -v $(PYTHON) >/dev/null || { echo "phee needs Python 3.11 or newer: apt-get install python3 python3-venv"; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "phee needs Python 3.11 or newer; set PYTHON=/path/to/python3.11"; exit 1; }
	@$(PYTHON) -c 'import ensurepip' 2>/dev/null || { echo "Python has no venv module: apt-get install python3-venv"; exit 1; }
	@echo "Installing into $(VENV) from $< ..."
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r $<
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@
endef

$(VENV)/.run: requirements/runtime.lock
	$(create_venv)

$(VENV)/.dev: requirements/dev.lock
	$(create_venv)
	@touch $(VENV)/.run

install: $(VENV)/.dev ## Create .venv with phee and all its tools, from the lock file

run: $(VENV)/.run ## Start the hub with demo tenants and 200 payments (ARGS=--exit ends it)
	@$(BIN)/phee demo $(ARGS)

run-real: $(VENV)/.dev ## The same on Zeebe, Kafka, MariaDB, OpenSearch and Prometheus, then on our engine and these
	@$(BIN)/python scripts/run_real.py $(ARGS)

test: $(VENV)/.dev lint ## Lint, types, import rules and the whole test suite
	@$(BIN)/python scripts/services.py install $(TESTED) || echo "What needs them is skipped."
	@$(BIN)/python -m pytest -n $(PROCESSES) --dist loadfile $(ARGS)

test-long: $(VENV)/.dev lint ## The whole test suite with fault cases and every engine (about an hour)
	@PHEE_TEST_LONG=1 $(BIN)/python -m pytest $(ARGS)

check: $(VENV)/.dev lint ## The quick loop: lint, types, import rules, unit tests
	@$(BIN)/python -m pytest -q -m "not slow and not services" tests/unit $(ARGS)

lint: $(VENV)/.dev ## Lint, types and import rules
	@$(BIN)/ruff format --check --quiet . || { echo "Run make format"; exit 1; }
	@$(BIN)/ruff check --quiet --output-format=concise .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-cache > $(VENV)/lint-imports.log || { cat $(VENV)/lint-imports.log; exit 1; }

format: $(VENV)/.dev ## Format the code and mend what can be mended by rule
	@$(BIN)/ruff check --quiet --fix . || true
	@$(BIN)/ruff format --quiet .

bench: $(VENV)/.dev ## Measure: payments/s, instances/s, latencies, memory (a table and JSON)
	@$(BIN)/python -m bench $(ARGS)

bench-data: $(VENV)/.dev ## Measure the data side: rows/s, documents/s, freshness (ARGS="--records 5000000")
	@$(BIN)/python -m bench.data $(ARGS)

services: $(VENV)/.dev ## Install and start the real components on loopback (into .services)
	@$(BIN)/python scripts/services.py start $(ARGS)

services-stop: $(VENV)/.dev ## End the real components, by process id
	@$(BIN)/python scripts/services.py stop $(ARGS)

data-model: $(VENV)/.dev ## Write docs/data-model.md and its picture from the tables
	@$(BIN)/python scripts/draw_data_model.py

proto: $(VENV)/.dev ## Generate the messages of the gRPC interface from its .proto
	@PYTHON=$(BIN)/python scripts/generate_proto.sh

lock: ## Renew the lock files (needs uv)
	uv pip compile pyproject.toml --extra dev --universal --generate-hashes --python-version 3.11 --no-header -q --extra build -o requirements/dev.lock
	uv pip compile pyproject.toml --universal --generate-hashes --python-version 3.11 --no-header -q --extra build -c requirements/dev.lock -o requirements/runtime.lock
	uv pip compile pyproject.toml --universal --generate-hashes --python-version 3.11 --no-header -q --extra build --extra kafka --extra mysql --extra search -c requirements/dev.lock -o requirements/deploy.lock

clean: ## Remove what was built, installed and started here (not your data)
	@rm -rf $(VENV) build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis

.PHONY: help install run run-real test test-long check lint format bench bench-data services services-stop data-model proto lock clean
