# One line a target: `make` prints them. Every target that needs Python makes .venv first.
.DEFAULT_GOAL := help
SHELL := bash
PYTHON ?= python3
BIN := .venv/bin
.PHONY: help venv lock crds test lint types contracts unit goldens e2e demo picture bench lab-up lab-down lab-status lab-shell clean

help: ## what can be made
	@grep -hE '^[a-z0-9-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-12s %s\n", $$1, $$2}'

venv: .venv/.complete ## .venv with everything, from the lock files

.venv/.complete: requirements.lock requirements-dev.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "PathCheck needs Python 3.11 or newer; '$(PYTHON)' is $$($(PYTHON) --version). Say: make PYTHON=/path/to/python3.11"; exit 1; }
	@echo "making .venv (once, about a minute)"
	@$(PYTHON) -m venv .venv || { echo "the venv module is missing (Debian: apt-get install python3-venv)"; exit 1; }
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

lock: venv ## renew requirements*.lock from pyproject.toml
	$(BIN)/uv pip compile -q pyproject.toml --python-version 3.11 --generate-hashes --no-annotate --no-emit-index-url --no-header -o requirements.lock
	$(BIN)/uv pip compile -q pyproject.toml --group dev -c requirements.lock --python-version 3.11 --generate-hashes --no-annotate --no-emit-index-url --no-header -o requirements-dev.lock

crds: venv ## write crds/ from the pydantic models
	for plural in pathchecks pathprobes firewallchanges; do $(BIN)/python -m pathcheck.wire.crds $$plural > crds/$$plural.yaml || exit 1; done

test: lint types contracts unit ## everything that needs no root (about a minute)

lint: venv
	$(BIN)/ruff format --check --quiet .
	$(BIN)/ruff check --quiet .

types: venv
	$(BIN)/mypy --no-error-summary

contracts: venv
	PYTHONPATH=operator $(BIN)/lint-imports

unit: venv
	$(BIN)/python -m pytest -n 2

goldens: venv ## renew tests/goldens; review the diff
	PATHCHECK_RENEW_GOLDENS=1 $(BIN)/python -m pytest -n 2

e2e: venv ## the story on the real cluster (root)
	$(BIN)/python -m pytest e2e -p no:xdist --timeout 900 -v

demo: venv ## break a real cluster and see the sentence (LAB=kind: on kind)
	$(BIN)/python -m e2e.demo

picture: venv ## run the demo and put what it printed into the README
	$(BIN)/python -m e2e.picture

bench: venv ## ratios against baselines of the same run; PART=engine needs no root
	$(BIN)/python -m benchmarks $(PART)

lab-up: venv ## a real cluster in network namespaces (root); LAB_NODES=3
	$(BIN)/python -m e2e.lab up

lab-down: venv ## leaves nothing
	$(BIN)/python -m e2e.lab down

lab-status: venv
	$(BIN)/python -m e2e.lab status

lab-shell: venv ## kubectl, gcloud and pathcheck set for the lab
	@$(BIN)/python -m e2e.lab shell

clean: ## removes .venv and the tools' caches; the lab's builds stay in ~/.cache/pathcheck
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
