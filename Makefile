# Every target makes the virtual environment it needs by itself: uv where it can be had, else pip.
# `make PYTHON=python3.12 test` chooses another interpreter; each gets an environment of its own.

PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11; do command -v $$p >/dev/null 2>&1 && $$p -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 14))' 2>/dev/null && echo $$p && break; done)
ifeq ($(strip $(PYTHON)),)
$(error Python 3.11, 3.12 or 3.13 with venv is needed and none was found; give one with PYTHON=...)
endif
TAG := $(shell $(PYTHON) -c 'import sys; print("%d.%d" % sys.version_info[:2])')
VENV := .venv-$(TAG)
BIN := $(VENV)/bin
READY := $(VENV)/.ready-run
READY_DEV := $(VENV)/.ready-dev
WORKERS ?= 2
SOAK_SEED ?= 1
SOAK_COUNT ?= 2000
SOAK_PACKETS ?= 200000

.DEFAULT_GOAL := help
.PHONY: picture help demo test check bench soak lock bitcoind anvil contracts clean

help:            ## say what there is to make
	@grep -E '^[a-z]+: .*##' $(MAKEFILE_LIST) | sed 's/:.*##/  -/'

$(READY): requirements.lock scripts/bootstrap.py
	@$(PYTHON) scripts/bootstrap.py $(VENV) requirements.lock
	@touch $@

$(READY_DEV): requirements-dev.lock scripts/bootstrap.py
	@$(PYTHON) scripts/bootstrap.py $(VENV) requirements-dev.lock
	@touch $@ $(READY)

demo: $(READY)   ## play a liquidation day against the emulated world and bring the coins home
	@$(BIN)/vault demo $(DEMO)

test: $(READY_DEV)   ## all tests but the long counts
	@TMPDIR=$$(.ci/scratch) $(BIN)/python -m pytest -n $(WORKERS) --dist loadgroup $(TESTS)

check: $(READY_DEV)  ## ruff, mypy --strict and the floors of the house
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports

bench: $(READY_DEV)  ## ratios measured side by side
	@$(BIN)/python -m benchmarks $(BENCH)

picture: $(READY)  ## draw docs/demo.svg, and with RISK="--desk DESK --at INSTANT --data FOLDER" the risk screens
	@$(BIN)/python -m scripts.picture
	@$(BIN)/python -m scripts.risk_pictures $(RISK)

soak: $(READY_DEV)   ## the long counts: seeded, resumable (SOAK_SEED, SOAK_COUNT, SOAK_PACKETS, SOAK="--only venues")
	@$(BIN)/python -m tests.soak --seed $(SOAK_SEED) --count $(SOAK_COUNT) --packets $(SOAK_PACKETS) $(SOAK)

lock:            ## resolve the lock files anew (needs uv)
	@uv pip compile pyproject.toml --python-version 3.11 --universal --generate-hashes --no-header --no-annotate --no-emit-index-url -q -o requirements.lock
	@uv pip compile pyproject.toml --group dev --python-version 3.11 --universal --generate-hashes --no-header --no-annotate --no-emit-index-url -q -o requirements-dev.lock

bitcoind:        ## unpack a real bitcoind for the tests into .bitcoind (Debian or Ubuntu)
	@scripts/install-bitcoind .bitcoind

anvil:           ## install anvil for the tests into .anvil (needs npm)
	@mkdir -p .anvil && cp scripts/anvil/package.json scripts/anvil/package-lock.json .anvil
	@cd .anvil && npm ci --ignore-scripts --no-audit --no-fund --silent

contracts:       ## rebuild the contracts of the emulated Ethereum chain with solc (needs npm)
	@mkdir -p .contracts && cp scripts/contracts/package.json scripts/contracts/package-lock.json .contracts
	@cd .contracts && npm ci --ignore-scripts --no-audit --no-fund --silent
	@$(PYTHON) scripts/compile_contracts.py .contracts/node_modules

clean:           ## remove environments and caches, nothing else
	@rm -rf .venv-3.* .venv-third-party .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache *.egg-info build dist
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +
