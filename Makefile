# Everything runs in .venv, which the targets make themselves; nothing to install first but Python 3.11 or newer.
#   make demo                               a simulated scene, sharpened, measured and shown
#   make demo PAN=p.tif MS=m.tif OUT=o.tif  the same with your files
#   make test-capabilities                  training and networks on plainer instructions
#   make test | fuzz | faults | lint | format | bench | clean
# PYTHON=python3.12 chooses the interpreter; TORCH=cpu (or cu130, ...) the PyTorch build, by default the package index's own.

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

PYTHON ?= python3
TORCH ?=
PIP_FLAGS := -q --disable-pip-version-check -c constraints.txt
PIP_FLAGS += $(if $(TORCH),--extra-index-url https://download.pytorch.org/whl/$(TORCH))
BIN := .venv/bin

SCENE := demo/scene
PAN ?= $(SCENE)/pan.tif
MS ?= $(SCENE)/ms.tif
OUT ?= demo/sharpened.tif
SIMULATED := $(filter $(SCENE)/pan.tif,$(PAN))

.PHONY: help demo test test-slow test-capabilities faults fuzz lint format bench clean

help:
	@sed -n 's/^# \{0,1\}//p' Makefile | head -6

.venv/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "ssdiff needs Python 3.11 or newer: make PYTHON=python3.12 ...")'
	$(PYTHON) -m venv .venv

# A stamp is newer than what it was installed from, so nothing is installed twice.
.venv/.demo: pyproject.toml constraints.txt | .venv/bin/python
	$(BIN)/python -m pip install $(PIP_FLAGS) -e '.[report]'
	@touch $@

.venv/.dev: pyproject.toml constraints.txt | .venv/bin/python
	$(BIN)/python -m pip install $(PIP_FLAGS) -e '.[dev]'
	@touch .venv/.demo $@

demo: .venv/.demo
	$(if $(SIMULATED),$(BIN)/ssdiff simulate $(SCENE) --overwrite)
	$(BIN)/ssdiff sharpen "$(PAN)" "$(MS)" -o "$(OUT)" $(if $(filter demo/sharpened.tif,$(OUT)),--overwrite)
	@mkdir -p demo
	$(if $(SIMULATED),$(BIN)/ssdiff sharpen "$(PAN)" "$(MS)" -o demo/exp.tif --method exp --overwrite)
	$(if $(SIMULATED),$(BIN)/ssdiff eval --fused "$(OUT)" --fused demo/exp.tif --reference $(SCENE)/truth.tif)
	$(BIN)/ssdiff eval --full-res "$(PAN)" "$(MS)" --fused "$(OUT)" --quicklook demo/quicklook.png --overwrite

test: .venv/.dev
	$(BIN)/python -m pytest -m "not slow"

test-slow: .venv/.dev
	$(BIN)/python -m pytest -m slow --ignore tests/faults

# Damaged files for every reader; the tests take a few of each.
FUZZ ?= 1000
# A fault at every file operation of every command: hours.
faults: .venv/.dev
	$(BIN)/python -m pytest -m slow tests/faults

fuzz: .venv/.dev
	FUZZ_EXAMPLES=$(FUZZ) $(BIN)/python -m pytest -q tests/fuzz

# Sums round otherwise on another processor: no test may hang on last bits.
test-capabilities: .venv/.dev
	for isa in default avx2; do \
	  ATEN_CPU_CAPABILITY=$$isa ONEDNN_MAX_CPU_ISA=AVX2 \
	    $(BIN)/python -m pytest -q -m "not slow" tests/models/training tests/models/nets; \
	done

lint: .venv/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy ssdiff_cli models/ssdiff_models tests
	$(BIN)/lint-imports

format: .venv/.dev
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: .venv/.dev
	$(BIN)/python -m benchmarks

clean:
	rm -rf .venv build dist demo .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -not -path './.git/*' -prune -exec rm -rf {} +
