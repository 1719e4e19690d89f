# `make report` and `make test` need nothing but make and a Python 3.11 to 3.13: they set up .venv themselves.
PROFILE ?= smoke
DATA ?=
ONLY ?=

BIN := .venv/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt

.PHONY: help report pdf quick test lab clean

help:
	@echo "make report   run the notebooks and build the book into _build/html/"
	@echo "              PROFILE=smoke|laptop|full  DATA=folder of BUSI  ONLY=\"03 05\""
	@echo "make pdf      print the built book into _build/book.pdf, with Chromium or Chrome"
	@echo "make quick    check style, run the quick tests: about five minutes"
	@echo "make test     check style, run all tests, smoke report and browser check included"
	@echo "make lab      open the notebooks in JupyterLab"
	@echo "make clean    delete _build/: built pages, executed notebooks, trained networks"

report: .venv/.installed
	$(BIN)/busi report --profile "$(PROFILE)" $(if $(DATA),--data "$(DATA)") $(foreach name,$(ONLY),--only $(name))

pdf: report
	$(BIN)/busi pdf

# Two processes with one thread each.
test quick: export OMP_NUM_THREADS = 1
test quick: export TF_NUM_INTRAOP_THREADS = 1
test quick: export TF_NUM_INTEROP_THREADS = 1
test: CHOSEN =
quick: CHOSEN = -m "not slow"
test quick: .venv/.installed-test
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy busilib
	$(BIN)/python -m pytest --numprocesses 2 --dist loadfile --no-loadscope-reorder $(CHOSEN)

lab: .venv/.installed
	$(BIN)/jupyter lab notebooks

clean:
	rm -rf _build .pytest_cache .ruff_cache .hypothesis

$(BIN)/python:
	@for python in $(PYTHON) python3 python3.13 python3.12 python3.11 python; do \
	  if $$python -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' 2>/dev/null; then \
	    echo "Setting up .venv with $$($$python --version)"; \
	    $$python -m venv .venv && exit 0; \
	    rm -rf .venv; \
	    echo "$$python cannot make virtual environments; on Debian and Ubuntu: sudo apt-get install python3-venv"; \
	    exit 1; \
	  fi; \
	done; \
	echo "No suitable Python found: this project needs Python 3.11, 3.12 or 3.13."; \
	echo "Install one, or name one: make report PYTHON=/path/to/python3.12"; \
	exit 1

.venv/.installed: pyproject.toml constraints.txt | $(BIN)/python
	@echo "Installing the libraries into .venv: once, some minutes and about 3 GB"
	@$(PIP) -e .
	@touch $@

.venv/.installed-test: pyproject.toml constraints.txt | $(BIN)/python
	@echo "Installing the libraries and test tools into .venv: once, some minutes and about 3 GB"
	@$(PIP) -e '.[test]'
	@touch $@ .venv/.installed
