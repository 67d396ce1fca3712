# make demo: install, analyse the bundled call, show the result. Offline once the packages are installed.
# make test: install what the tests need, run them all.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: demo test lint clean

demo: $(VENV)/default
	@echo
	$(BIN)/convemo analyze examples/support_call.flac --transcript examples/support_call.vtt --offline --out demo --format json,csv,vtt
	@echo
	@echo "Your own file: $(BIN)/convemo analyze FILE      What works here: $(BIN)/convemo doctor"

test: $(VENV)/dev
	$(BIN)/ruff check convemo tests examples benchmarks
	$(BIN)/ruff format --check convemo tests examples benchmarks
	$(BIN)/python -m pytest -n 2

lint: $(VENV)/dev
	$(BIN)/ruff check --fix convemo tests examples benchmarks
	$(BIN)/ruff format convemo tests examples benchmarks

clean:
	rm -rf $(VENV) demo build dist *.egg-info

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "convemo needs Python 3.11 or newer; name one: make PYTHON=python3.12"; exit 1; }
	$(PYTHON) -m venv $(VENV)

$(VENV)/default: $(BIN)/python pyproject.toml
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e .
	@touch $@

# openai-whisper by itself would bring triton, 1 GB that only a GPU uses; the rest of what it needs is in [dev].
$(VENV)/dev: $(BIN)/python pyproject.toml
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e ".[dev]"
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps "openai-whisper>=20250625"
	@touch $@ $(VENV)/default
