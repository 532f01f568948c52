# The same commands for a newcomer, an author and CI. PYTHON may name another interpreter (3.11 or newer).
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
DEV := $(VENV)/.installed-dev
# With LOCK=requirements/ci.txt every package is the one that the lock names, by its hash.
LOCK ?=
# An index of its own for torch: PyPI's build for Linux brings CUDA along, gigabytes that nothing here uses.
TORCH_INDEX ?=

.PHONY: run test soak check lock prove bench format clean

run: $(STAMP)  ## set up, then hand out the first exercise
	$(BIN)/practice run

test: $(DEV)  ## the whole suite
	$(BIN)/python -m pytest

soak: $(DEV)  ## the long runs that the suite takes a short form of
	SOAK=1 $(BIN)/python -m pytest -m soak

check: $(DEV)  ## lint, format, types, known holes in what we depend on
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	@$(BIN)/python requirements/audit.py

lock:  ## write requirements/ci.txt anew
	requirements/lock.sh

prove: $(DEV)  ## every catalogued mistake caught, every right answer accepted
	$(BIN)/practice prove

bench: $(DEV)
	$(BIN)/python bench/proxy.py

format: $(DEV)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# Stamps, so that a half-finished install is done again.
$(STAMP): pyproject.toml $(LOCK)
	$(PYTHON) -c 'import sys; sys.exit("Python 3.11 or newer is needed; this is " + sys.version.split()[0] + ". Try: make PYTHON=python3.11 ...") if sys.version_info < (3, 11) else None'
	@echo "Setting up $(VENV): torch alone takes a few minutes the first time."
	$(PYTHON) -m venv $(VENV)
ifeq ($(LOCK),)
	$(BIN)/python -m pip install --quiet --upgrade pip
ifneq ($(TORCH_INDEX),)
	$(BIN)/python -m pip install --quiet --index-url $(TORCH_INDEX) "$$(sed -n 's/^ *"\(torch>=[^"]*\)".*/\1/p' pyproject.toml)"
endif
	$(BIN)/python -m pip install --quiet --editable .
else
	$(BIN)/python -m pip install --quiet --require-hashes --requirement $(LOCK)
	$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation --editable .
endif
	touch $(STAMP)

$(DEV): $(STAMP)
ifeq ($(LOCK),)
	$(BIN)/python -m pip install --quiet --editable '.[dev]'
endif
	touch $(DEV)

clean:
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .hypothesis
