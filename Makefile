# Everything a developer does, one target each. Needs make and Python 3.11 or newer with venv, nothing else.

VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.synced
ARGS ?=
NEW_ENOUGH := import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))
PYTHON ?= $(shell for python in python3 python3.14 python3.13 python3.12 python3.11; do \
	"$$python" -c '$(NEW_ENOUGH)' 2>/dev/null && { command -v "$$python"; break; }; done)

.DEFAULT_GOAL := help
.PHONY: help setup up test check format contracts bench chaos containers-test clean

help: ## Show this list
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1|\2/p' Makefile | awk -F'|' '{printf "%-22s %s\n", $$1, $$2}'

setup: $(STAMP) ## Make .venv and install exactly what uv.lock says

up: $(STAMP) ## Run the whole system on this machine (ARGS="--port 9000 --demo")
	@$(BIN)/pmo up $(ARGS)

test: $(STAMP) ## Run the tests (ARGS="tests/unit -k calendar")
	@$(BIN)/pytest -n 2 --dist loadgroup $(ARGS)

check: $(STAMP) ## Check style, types and the borders between packages
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(STAMP) ## Bring the code into the common style
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

contracts: $(STAMP) ## Build openapi.json, asyncapi.yaml and the event schemas anew
	@$(BIN)/pmo contracts

bench: $(STAMP) ## Measure speed
	@$(BIN)/python -m bench $(ARGS)

chaos: $(STAMP) ## Kill, cut off and fill up parts of a running system; show what was lost (ARGS="--seed 7")
	@$(BIN)/python -m tests.chaos $(ARGS)

containers-test: $(STAMP) ## Build the images and run the composed system, with podman or docker
	@$(BIN)/pytest tests/containers/composed.py -p no:randomly -rP $(ARGS)

clean: ## Delete .venv and caches; the data in .pmo stays
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache

$(STAMP): uv.lock pyproject.toml deploy/uv-requirements.txt
	@test -n "$(PYTHON)" || { echo "Python 3.11 or newer, with venv, is needed and was not found." \
		"Install it (Debian, Ubuntu: python3 and python3-venv), or name it: make setup PYTHON=/path/to/python3" >&2; exit 1; }
	@"$(PYTHON)" -c '$(NEW_ENOUGH)' || { echo "$(PYTHON) is older than 3.11 or has no venv." >&2; exit 1; }
	@test -x $(BIN)/python || "$(PYTHON)" -m venv $(VENV)
	@$(BIN)/python -m pip --disable-pip-version-check install --quiet --require-hashes \
		--requirement deploy/uv-requirements.txt >&2
	@VIRTUAL_ENV= UV_PROJECT_ENVIRONMENT=$(VENV) $(BIN)/uv sync --frozen --all-extras --python $(BIN)/python >&2
	@touch $(STAMP)
