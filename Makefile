# Everything starts here, from a Python 3.11 or newer and make. Each word sets up what it needs.
# Written for GNU make 3.81 as well, which is what macOS brings.

SHELL := /bin/sh
VENV := .venv
BIN := $(VENV)/bin
SOURCES := etl schedules tests tools warehouse
BENCH_VENV := .cache/venv-bench
FAST := -m "not slow and not real_unleash" -n 2
LOCKED := uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	--no-emit-index-url --no-emit-find-links --custom-compile-command "make lock" $(UPGRADE)

# PYTHON=/path/to/python chooses the interpreter; empty means the first that is new enough.
export PYTHON
# The current folder must never win over the installed packages.
export PYTHONSAFEPATH := 1
unexport PYTHONPATH PYTHONHOME

.PHONY: help setup demo check test test-all-pythons test-fast-on bench fix build lock clean
.DEFAULT_GOAL := help

help: ## list these words
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-17s %s\n", $$1, $$2 }' Makefile

setup: ## make .venv with the locked packages and the command tallybook
	@tools/python tools/bootstrap.py $(VENV) requirements/dev.txt

demo: setup ## show the main job on an embedded database; leaves ./demo to play with
	@$(BIN)/tallybook demo

check: setup ## format, lint, types and the fast tests: the loop while working
	@$(BIN)/ruff format --check $(SOURCES)
	@$(BIN)/ruff check $(SOURCES)
	@$(BIN)/mypy $(SOURCES)
	@$(BIN)/pytest $(FAST)

test: setup ## all tests, real Unleash servers included where Node is
	@$(BIN)/pytest -n 2 --dist loadgroup

test-all-pythons: ## the fast tests on each of Python 3.11, 3.12 and 3.13 that is here
	@for python in python3.11 python3.12 python3.13; do \
		if $$python --version >/dev/null 2>&1; then \
			$(MAKE) --no-print-directory test-fast-on PYTHON=$$python || exit 1; \
		else \
			echo "$$python: not here, left out"; \
		fi; \
	done

# The fast tests on PYTHON, in an environment of its own.
test-fast-on:
	@tools/python tools/bootstrap.py .cache/venv-$(notdir $(PYTHON)) requirements/dev.txt
	@.cache/venv-$(notdir $(PYTHON))/bin/pytest $(FAST)

bench: ## measure, beside deltalake and pyiceberg
	@tools/python tools/bootstrap.py $(BENCH_VENV) requirements/bench.txt
	@$(BENCH_VENV)/bin/python tests/benchmarks/run.py

fix: setup ## format, and mend what the linter can mend
	@$(BIN)/ruff format $(SOURCES)
	@$(BIN)/ruff check --fix $(SOURCES)

build: setup ## the wheel and the source archive, in dist/
	@$(BIN)/python -m build --no-isolation

lock: ## choose the locked versions anew (needs uv); UPGRADE=--upgrade takes the newest
	@$(LOCKED) --constraints requirements/constraints.txt \
		--extra demo --group dev pyproject.toml --output-file requirements/dev.txt
	@$(LOCKED) --constraints requirements/dev.txt \
		--extra demo --group dev --group bench pyproject.toml --output-file requirements/bench.txt

clean: ## remove what these words made, except ./demo
	rm -rf $(VENV) .cache dist .mypy_cache .pytest_cache .ruff_cache .hypothesis
	find $(SOURCES) -name __pycache__ -prune -exec rm -rf {} +
