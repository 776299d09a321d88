# Everything runs in .venv, which the first call makes; later calls are quick.
PYTHON ?= $(shell command -v python3.11 || command -v python3)
BIN := .venv/bin
# Tests of what runs leave behind and say compile quickly; all others, those of numbers, as users do.
RUNS := tests/cli tests/faults tests/report tests/results tests/runner tests/study tests/trackers \
	tests/test_end_to_end.py tests/test_own_parts.py tests/test_your_own.py
# Tests that want the machine for themselves.
ALONE := -q --import-mode=importlib -p no:cacheprovider

# One study per card; cells that are stored are used again.
CARDS = $(shell grep -l '^CLAIMS' experiments/claims/*.py)

.PHONY: demo claims test test-browser lint format docs clean

demo: .venv/installed
	$(BIN)/ablate run --config=experiments/digits.py --workdir=results/demo

claims: .venv/installed
	for card in $(CARDS); do \
	  $(BIN)/ablate run --config=$$card --workdir=results/claims/$$(basename $$card .py) || exit; \
	done
	$(BIN)/python experiments/claims/answers.py

test: .venv/installed-dev
	$(BIN)/python -m pytest -n 2 --dist worksteal $(addprefix --ignore=,$(RUNS))
	ABLATE_TESTS_QUICK=1 $(BIN)/python -m pytest -n 2 --dist worksteal $(RUNS)
	$(BIN)/python -m pytest tests/cluster --override-ini addopts="$(ALONE)"

test-browser: .venv/installed-dev
	$(BIN)/python -m pytest tests/browser --override-ini addopts="$(ALONE)"

lint: .venv/installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/pyright

format: .venv/installed-dev
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

docs: .venv/installed-dev
	$(BIN)/python -m tests.results.documents
	$(BIN)/python -m tests.cli.documents
	$(BIN)/python experiments/claims/answers.py

clean:
	rm -rf .venv build dist *.egg-info

.venv/installed: pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --editable .
	touch $@

.venv/installed-dev: pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --editable '.[dev]'
	touch $@ .venv/installed
