# Tandem. `make` lists what there is; nothing but Python >= 3.11 and pip is needed.

PYTHON ?= python3
# Installs what is missing, then becomes the command: from make to the command there is one process, and a signal to
# make, even SIGKILL, ends it.
RUN = @$(PYTHON) libs/local/start.py --stop-with-parent

SOURCES = $(wildcard libs/*/src services/*/src)

.DEFAULT_GOAL = help
.PHONY: help demo up reset test lint types check format clean

help: ## list the targets
	@sed -n 's/^\([a-z]*\): *## \(.*\)/make \1: \2/p' $(MAKEFILE_LIST)

demo: ## start everything and carry one order through it, then stay up until Ctrl-C (ONCE=1: end)
	$(RUN) tandem demo $(if $(ONCE),--once)

up: ## start everything and stay up until Ctrl-C
	$(RUN) tandem up

reset: ## remove the data that `make demo` and `make up` keep in .tandem
	$(RUN) tandem reset

test: ## run the tests (TESTS=services/worker to run some)
	$(RUN) pytest -n auto --dist worksteal $(TESTS)

lint: ## check style, formatting, and who may import whom
	$(RUN) ruff check
	$(RUN) ruff format --check
	$(RUN) lint-imports

types: ## check the types
	$(RUN) mypy $(SOURCES)

check: ## check that migrations, event schemas and the lock are up to date
	$(RUN) tandem-contracts check
	@TANDEM_ENVIRONMENT=test PYTHONWARNINGS='ignore:Got an error checking:RuntimeWarning' $(PYTHON) libs/local/start.py --stop-with-parent tandem-manage makemigrations --check --dry-run
	@.tools/uv-*/bin/uv lock --check --quiet

format: ## repair style and formatting where that is possible
	$(RUN) ruff check --fix
	$(RUN) ruff format

clean: ## remove what was installed into this checkout (data and the user's cache stay)
	@rm -rf .venv .tools .mypy_cache .pytest_cache .ruff_cache .import_linter_cache
