# The project's commands. `make` alone lists them.

PYTHON ?= python3
HOST ?= 127.0.0.1
PORT ?= 8000

VENV := .venv
BIN := $(VENV)/bin
COMPILE := uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-strip-extras --no-annotate \
  --custom-compile-command "make lock" pyproject.toml

# What Debian and Ubuntu keep in packages of their own; root can add it, anyone else is told to.
APT_INSTALL = [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null && apt-get update -qq && \
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $(1) >/dev/null

.DEFAULT_GOAL := help
.PHONY: help run train test lint types imports tests coverage reproduce bench bench-score bench-polars bench-lock format translations lock sbom audit clean

help: ## List the commands
	@echo "heartapp: risk of death within 180 days in heart failure"
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

run: $(VENV)/serve ## Set up and serve the page and the API (HOST=, PORT=)
	@HEARTAPP_CONFIG=$${HEARTAPP_CONFIG:-config/development.toml} $(BIN)/heartapp serve --host $(HOST) --port $(PORT)

train: $(VENV)/train ## Set up for `heartapp train` and run it into ./trained (DATA=table.csv, else downloaded)
	@$(BIN)/heartapp train --output trained $(if $(DATA),--data $(DATA))

test: $(VENV)/dev ## Set up and run linters, types, the rules for imports and every test with coverage (minutes)
	@start=$$(date +%s); failed=; for step in lint types imports coverage; do \
	  echo "== $$step"; $(MAKE) --silent --no-print-directory $$step || failed="$$failed $$step"; done; \
	echo "== $$(( $$(date +%s) - start )) seconds"; \
	if [ -z "$$failed" ]; then echo "== all good: lint, types, imports, tests with full branch coverage"; \
	else echo "== failed:$$failed"; exit 1; fi

lint: $(VENV)/dev ## Run ruff
	@$(BIN)/ruff check . && $(BIN)/ruff format --check .

types: $(VENV)/dev ## Run mypy
	@$(BIN)/mypy

imports: $(VENV)/dev ## Check that imports point down the layers
	@$(BIN)/lint-imports

tests: $(VENV)/dev ## Run pytest (ARGS="tests/web -k host")
	@$(BIN)/python -m pytest $(ARGS)

coverage: $(VENV)/dev ## Run pytest and require complete branch coverage
	@$(BIN)/coverage erase
	@$(BIN)/coverage run -m pytest --quiet -rs --numprocesses 2 --dist loadfile
	@$(BIN)/coverage combine --quiet
	@$(BIN)/coverage report

reproduce: $(VENV)/dev ## Train both models anew in full and hold every file against the shipped ones (minutes)
	@HEARTAPP_REPRODUCE=1 $(BIN)/python -m pytest -rs tests/training/test_train.py -k in_full

bench: $(VENV)/dev ## Measure against peers and limits (minutes; ARGS="--only heartapp-granian mlserver --rounds 1" for a quick look)
	@command -v wrk >/dev/null || { $(call APT_INSTALL,wrk); } || true
	@$(BIN)/python -m benchmarks $(ARGS)

bench-score: $(VENV)/bulk ## Measure `heartapp score` against the members alone (ARGS="--rows 10000000 --model followup")
	@$(BIN)/python benchmarks/score.py $(ARGS)

bench-polars: $(VENV)/dev ## Measure `heartapp score` against 30 lines of polars and onnxruntime (minutes)
	@$(BIN)/python -m benchmarks.polars_score

format: $(VENV)/dev ## Format the code
	@$(BIN)/ruff check --fix-only --quiet . ; $(BIN)/ruff format .

translations: $(VENV)/dev ## Renew the catalogues in heartapp/translations after a change of words
	@$(BIN)/python -m tests.languages

lock: ## Renew requirements/ from pyproject.toml (needs uv on PATH)
	$(COMPILE) --upgrade --extra train --extra validate --extra bulk --extra dask --extra limits --extra metrics --extra otel --extra sign --group serve --group dev -o requirements/dev.txt
	$(COMPILE) --extra train --group serve --constraint requirements/dev.txt -o requirements/train.txt
	$(COMPILE) --extra validate --group serve --constraint requirements/dev.txt -o requirements/validate.txt
	$(COMPILE) --extra bulk --extra dask --group serve --constraint requirements/dev.txt -o requirements/bulk.txt
	$(COMPILE) --extra limits --group serve --constraint requirements/dev.txt -o requirements/limits.txt
	$(COMPILE) --extra metrics --group serve --constraint requirements/dev.txt -o requirements/metrics.txt
	$(COMPILE) --extra otel --group serve --constraint requirements/dev.txt -o requirements/otel.txt
	$(COMPILE) --extra sign --group serve --constraint requirements/dev.txt -o requirements/sign.txt
	$(COMPILE) --group serve --constraint requirements/dev.txt -o requirements/serve.txt

sbom: ## List what serves in sbom.json, CycloneDX, from requirements/serve.txt (needs uv on PATH)
	uv tool run --quiet --from cyclonedx-bom cyclonedx-py requirements --pyproject pyproject.toml --output-reproducible -o sbom.json requirements/serve.txt

audit: ## Look for known vulnerabilities of what is in requirements/ (needs uv on PATH and the network)
	uv tool run --quiet pip-audit --strict --disable-pip --require-hashes $(patsubst %,-r %,$(wildcard requirements/*.txt))

bench-lock: ## Renew the benchmarks' locks (needs uv on PATH); the bundle says which libraries load its estimators
	@for input in benchmarks/contenders/*/requirements.in; do \
	  $(PYTHON) -m benchmarks.bundle | uv pip compile --quiet --upgrade --no-strip-extras --python-version 3.11 --python-platform linux \
	    --no-annotate --custom-compile-command "make bench-lock" --constraint /dev/stdin $$input -o $${input%.in}.txt \
	    || exit 1; done

clean: ## Remove the virtual environment and the tools' caches
	rm -rf $(VENV) .coverage* .hypothesis .mypy_cache .pytest_cache .ruff_cache .import_linter_cache

# Each of these installs its lock with hashes, then the package in place; the file stands for "done since the lock changed".
$(VENV)/serve $(VENV)/train $(VENV)/validate $(VENV)/bulk $(VENV)/limits $(VENV)/metrics $(VENV)/otel $(VENV)/sign $(VENV)/dev: $(VENV)/%: requirements/%.txt pyproject.toml | $(BIN)/python
	@echo "Installing requirements/$*.txt into $(VENV) ..."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/$*.txt
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@ $(if $(filter-out serve,$*),$(VENV)/serve) $(if $(filter dev,$*),$(VENV)/train $(VENV)/bulk)

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "heartapp needs Python 3.11 or newer; name one, as in: make PYTHON=python3.12 $(MAKECMDGOALS)" >&2; exit 1; }
	@$(PYTHON) -m venv $(VENV) >/dev/null 2>&1 || { rm -rf $(VENV); $(call APT_INSTALL,python3-venv) && $(PYTHON) -m venv $(VENV); } || \
	  { rm -rf $(VENV); echo "Python cannot make a virtual environment here. On Debian or Ubuntu: apt install python3-venv" >&2; exit 1; }
