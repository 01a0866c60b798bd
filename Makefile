# `make demo` shows the product on this machine, and `make test` runs what CI runs. Everything is in .venv.
PYTHON ?= python3
BIN := .venv/bin
STAMP := .venv/.installed
# checkov's pins conflict with ours, so it has an environment of its own.
CHECKOV := .venv-checkov/.installed
# Tests start hundreds of processes. Without bytecode files each of them would compile everything again.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help setup demo test test-fast test-all bench requests prove coverage check types lint imports checkov docs changelog pins clean
# Tests that share a local cloud run in the same process. There are more processes than cores,
# because many tests wait for other processes.
PYTEST = $(BIN)/pytest --numprocesses 4 --dist loadgroup
# What tests of single layers need is in their own process, or starts within a second.
# Tests in one process, without real connections between gromit's own parts.
FAST = tests/core tests/config tests/services tests/adapters tests/bootstrap
UNITS = $(FAST) tests/web tests/contracts
PYTEST_UNITS = pytest --numprocesses 2 --dist loadgroup -m "not long and not cloud and not terraform"

help: ## show this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

setup: $(STAMP) ## create .venv with pinned versions of everything

$(STAMP): pyproject.toml requirements/dev.txt requirements/uv.txt
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@$(BIN)/python -c 'import sys; assert sys.version_info >= (3, 11), "gromit needs Python 3.11 or newer, this is " + sys.version'
	@$(BIN)/python -m pip install --quiet --require-hashes -r requirements/uv.txt
	@$(BIN)/uv pip sync --quiet --compile-bytecode --python $(BIN)/python --require-hashes requirements/dev.txt requirements/uv.txt
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation --editable .
	@touch $@

demo: $(STAMP) ## run the whole loop on this machine: build, environment, URL, newer build, deletion
	@$(BIN)/gromit local demo

check: lint types imports ## run the static checks

lint: $(STAMP)
	$(BIN)/ruff format --check --quiet .
	$(BIN)/ruff check --quiet .

types: $(STAMP)
	$(BIN)/mypy

imports: $(STAMP)
	$(BIN)/lint-imports

# mypy uses one core for half a minute, so it runs beside the tests. What it found is shown at the end.
test: lint imports ## run everything that CI runs, including the demo
	@mkdir -p .mypy_cache; $(BIN)/mypy >.mypy_cache/log 2>&1 & types=$$!; \
	$(PYTEST) -m "not long"; tests=$$?; \
	wait $$types; types=$$?; \
	cat .mypy_cache/log; \
	test $$types -eq 0 || echo "make types failed: see above" >&2; \
	test $$tests -eq 0 || echo "pytest failed: see above" >&2; \
	test $$types -eq 0 && test $$tests -eq 0

test-fast: lint $(STAMP) ## run the tests of core, config, services, adapters and bootstrap in under a minute
	$(BIN)/$(PYTEST_UNITS) $(FAST) tests/test_house.py tests/test_house_rules.py

coverage: $(STAMP) ## measure branch coverage of the tests of single layers, the emulated AWS and commands, and compare it with the floor
	@$(BIN)/coverage erase
	$(BIN)/coverage run -m $(PYTEST_UNITS) $(UNITS) tests/local/aws tests/cli
	@$(BIN)/coverage combine --quiet
	@$(BIN)/coverage report

test-all: check checkov ## run also the long tests, and those that need terraform or tofu on the PATH or a provider in GROMIT_TEST_MIRROR
	$(PYTEST)

prove: $(STAMP) ## search for what contradicts gromit's claims, for an hour; SUITES="kills guards" chooses, SEED=N repeats
	$(BIN)/python -m tests.prove $(SUITES) $(if $(SEED),--seed $(SEED))

bench: $(STAMP) ## measure what things cost against their goals, and write docs/reference/performance.md; LAWS="listing" chooses, SMALL=1 is quick, STRICT=1 fails for times too
	$(BIN)/python -m tests.bench $(if $(SMALL),--small) $(if $(STRICT),--strict) $(LAWS)

requests: $(STAMP) ## show the requests to AWS of the last tests by operation: checked against AWS's models, and faults
	@$(BIN)/python -m tests.aws_requests

checkov: $(STAMP) $(CHECKOV) ## scan all Terraform code with checkov, which gets an environment of its own
	@$(BIN)/python -m tests.stacks.checkov

$(CHECKOV): requirements/checkov.txt | $(STAMP)
	@test -x .venv-checkov/bin/python || $(PYTHON) -m venv .venv-checkov
	@$(BIN)/uv pip sync --quiet --python .venv-checkov/bin/python --require-hashes requirements/checkov.txt
	@touch $@

docs: $(STAMP) ## regenerate the pages that are made from the code
	$(BIN)/python -m tests.docs
	$(BIN)/python -m tests.stacks.readme

changelog: $(STAMP) ## show the changelog of the next release
	@$(BIN)/towncrier build --draft --version Unreleased

# Every file has the versions of dev.txt, so that the tested versions run. Tools with environments of their own are the exception.
COMPILE = $(BIN)/uv pip compile --quiet --upgrade --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
	--no-emit-find-links --custom-compile-command "make pins"

pins: $(STAMP) ## upgrade requirements/*.txt from pyproject.toml
	$(COMPILE) --extra local --extra dev pyproject.toml -o requirements/dev.txt
	$(COMPILE) --constraint requirements/dev.txt pyproject.toml -o requirements/run.txt
	$(COMPILE) --constraint requirements/dev.txt --extra local pyproject.toml -o requirements/local.txt
	$(COMPILE) --constraint requirements/dev.txt --group build -o requirements/build.txt
	$(COMPILE) --constraint requirements/dev.txt --group release -o requirements/release.txt
	echo checkov | $(COMPILE) - -o requirements/checkov.txt
	echo ministack | $(COMPILE) - -o requirements/ministack.txt
	echo uv | $(COMPILE) - -o requirements/uv.txt

clean: ## remove .venv and caches
	rm -rf .venv .venv-checkov .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
