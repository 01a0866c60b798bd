# The front: `make demo` shows the product on this machine, `make test` is what CI runs. Everything lives in .venv.
PYTHON ?= python3
BIN := .venv/bin
STAMP := .venv/.installed
# Its pins contradict ours, so that it has an environment of its own.
CHECKOV := .venv-checkov/.installed
# Tests start hundreds of processes: where Python may not keep what it has compiled, each compiles everything anew.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help setup demo test test-all check types lint imports checkov docs pins clean
# Tests that share a local cloud stay together on one of the processes.
PYTEST = $(BIN)/pytest --numprocesses 3 --dist loadgroup
# The emulator's state is one per process: what speaks to an emulator in another process does not share one with its own tests.
APART = tests/contracts/terraform tests/e2e tests/platform
TOGETHER = $(APART:%=--ignore=%)

help: ## this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

setup: $(STAMP) ## make .venv with everything pinned

$(STAMP): pyproject.toml requirements/dev.txt requirements/uv.txt
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@$(BIN)/python -c 'import sys; assert sys.version_info >= (3, 11), "gromit needs Python 3.11 or newer, this is " + sys.version'
	@$(BIN)/python -m pip install --quiet --require-hashes -r requirements/uv.txt
	@$(BIN)/uv pip sync --quiet --python $(BIN)/python --require-hashes requirements/dev.txt requirements/uv.txt
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation --editable .
	@touch $@

demo: $(STAMP) ## the whole loop on this machine: build, environment, URL, newer build, deletion
	@$(BIN)/gromit local demo

check: lint types imports ## the static checks alone

lint: $(STAMP)
	$(BIN)/ruff format --check --quiet .
	$(BIN)/ruff check --quiet .

types: $(STAMP)
	$(BIN)/mypy

imports: $(STAMP)
	$(BIN)/lint-imports

test: check ## everything CI runs, the demo included
	$(PYTEST) -m "not long" $(TOGETHER)
	$(PYTEST) -m "not long" $(APART)

test-all: check checkov ## also what is long, and what needs terraform or tofu on the PATH, or the provider in GROMIT_TEST_MIRROR
	$(PYTEST) $(TOGETHER)
	$(PYTEST) $(APART)

checkov: $(STAMP) $(CHECKOV) ## hold all Terraform against checkov's rules; its own environment is made at the first time
	@$(BIN)/python -m tests.stacks.checkov

$(CHECKOV): requirements/checkov.txt | $(STAMP)
	@test -x .venv-checkov/bin/python || $(PYTHON) -m venv .venv-checkov
	@$(BIN)/uv pip sync --quiet --python .venv-checkov/bin/python --require-hashes requirements/checkov.txt
	@touch $@

docs: $(STAMP) ## make the pages anew that are made from the code
	$(BIN)/python -m tests.docs
	$(BIN)/python -m tests.stacks.readme

# Everything is pinned as in dev.txt, so that what runs is what was tested; but for what has an environment of its own.
COMPILE = $(BIN)/uv pip compile --quiet --upgrade --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
	--no-emit-find-links --custom-compile-command "make pins"

pins: $(STAMP) ## renew requirements/*.txt from pyproject.toml
	$(COMPILE) --extra local --extra dev pyproject.toml -o requirements/dev.txt
	$(COMPILE) --constraint requirements/dev.txt pyproject.toml -o requirements/run.txt
	$(COMPILE) --constraint requirements/dev.txt --extra local pyproject.toml -o requirements/local.txt
	$(COMPILE) --constraint requirements/dev.txt --group build -o requirements/build.txt
	$(COMPILE) --constraint requirements/dev.txt --group release -o requirements/release.txt
	echo checkov | $(COMPILE) - -o requirements/checkov.txt
	echo uv | $(COMPILE) - -o requirements/uv.txt

clean: ## remove .venv and caches
	rm -rf .venv .venv-checkov .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
