# Set-up and checks. `make demo` and `make test` work from a clean clone on a fresh Debian with Python 3.11+,
# as root or not: missing packages are installed (as root) or unpacked into .cache/ (without root).

SHELL := /bin/bash
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# Debian keeps servers out of the PATH of users; programs unpacked without root are started from .cache/bin.
export PATH := $(PATH):/usr/sbin:$(CURDIR)/.cache/bin
export LD_LIBRARY_PATH := $(CURDIR)/.cache/lib$(if $(LD_LIBRARY_PATH),:$(LD_LIBRARY_PATH))

.PHONY: help setup setup-test demo test check format bench exam clean

help: ## This list
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

setup: $(VENV)/.done ## Python environment and a mosquitto
	@bash scripts/debian-packages.sh mosquitto

setup-test: $(VENV)/.done ## The same, plus the servers and the browser that the tests use
	@bash scripts/debian-packages.sh mosquitto influxd chromium libatomic.so.1

# A stamp: a second run installs nothing until pyproject.toml changes.
$(VENV)/.done: pyproject.toml scripts/python-environment.sh
	@bash scripts/python-environment.sh "$(PYTHON)" "$(VENV)"
	@touch $@

demo: setup ## Simulate a quarter of houses and show what they really saved
	$(BIN)/kvartal demo

test: setup-test ## Run the tests that are not marked slow
	$(BIN)/python -m pytest -m "not slow"

check: setup-test ## What CI runs: format, lint, types, import contracts, all tests (also the slow ones)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m pytest

format: $(VENV)/.done ## Format the code
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: setup ## Print the tables of docs/performance.md
	@set -e; for each in bench/*.py; do echo "== $$each"; $(BIN)/python $$each; done

exam: setup ## The exam's gate: four seeds of 1,000 houses each
	$(BIN)/kvartal exam --houses 1000 --seed 1 --gate

clean: ## Remove the files of set-up and tests
	rm -rf $(VENV) .cache build *.egg-info
