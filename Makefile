# Everything starts here, with Python 3.11 or newer and make. `make demo` shows the product, `make test` checks it.

PYTHON ?= $(shell for p in python3 python3.14 python3.13 python3.12 python3.11; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)
BIN := .venv/bin
# The folder of a recent enough Node goes first on PATH (empty where the machine's own will do).
WITH_NODE = PATH="$$($(BIN)/python -m finops.local.node):$$PATH"

.DEFAULT_GOAL := help
.PHONY: help venv demo test lint format types rooms unit bench synth openapi lock clean

help:  ## what can be made
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## */\1|/' | awk -F'|' '{printf "  make %-8s %s\n", $$1, $$2}'

venv: .venv/.installed  ## the virtual environment, with everything pinned by hash

.venv/.locked: requirements.lock
	@test -n "$(PYTHON)" || { echo "Python 3.11 or newer is needed, on PATH as python3 or by make PYTHON=…" >&2; exit 1; }
	@echo "Installing what requirements.lock pins into .venv (about a minute)"
	@$(BIN)/python -m pip --version >/dev/null 2>&1 || $(PYTHON) -m venv --clear .venv
	@$(BIN)/python -m pip install -qq --no-compile --disable-pip-version-check --require-hashes -r requirements.lock
	@touch $@

# Ourselves, in place. The build backend is in the lock, so this asks no index.
.venv/.installed: .venv/.locked pyproject.toml
	@$(BIN)/python -m pip install -qq --disable-pip-version-check --no-build-isolation --no-deps --no-index --editable .
	@touch $@

demo: venv  ## two months of a sample company on this machine: planned, signed, closed, corrected
	$(BIN)/finops demo

test: venv lint types rooms unit  ## all checks, as CI runs them

lint: venv
	$(BIN)/ruff format --check --quiet .
	$(BIN)/ruff check --quiet .

types: venv
	$(BIN)/mypy

rooms: venv
	$(BIN)/lint-imports --no-cache --no-logo

unit: venv
	$(BIN)/pytest -q -n 2 --dist loadgroup

format: venv  ## formats and sorts
	$(BIN)/ruff check --quiet --fix-only .
	$(BIN)/ruff format --quiet .

bench: venv  ## speed and memory beside DuckDB and Polars (minutes)
	$(BIN)/python -m benchmarks

synth: venv  ## the templates that `cdk deploy` deploys, in cdk.out
	$(WITH_NODE) CDK_OUTDIR=cdk.out $(BIN)/python app.py

openapi: venv  ## docs/openapi.json, from the doors
	FINOPS_WRITE_GOLDEN=1 $(BIN)/pytest -q tests/functions/test_openapi.py

lock: venv  ## resolves the dependencies again
	$(BIN)/uv pip compile pyproject.toml --extra dev --universal --python-version 3.11 --generate-hashes \
		--no-header --no-emit-index-url --quiet -o requirements.lock

clean:  ## stops the local AWS, removes what was made
	-test ! -x $(BIN)/finops || $(BIN)/finops local down
	rm -rf .venv .local .cache cdk.out .mypy_cache .ruff_cache .pytest_cache .hypothesis *.egg-info
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
