# For contributors. `make setup` once, then `make check` before each commit.
.PHONY: setup check fix generated golden

setup: ## an environment in .venv/ with everything that tests need
	python3 -m venv .venv
	.venv/bin/pip install -q -e '.[test]'

check: ## everything fast: style, types, import rules, tests
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	.venv/bin/mypy
	.venv/bin/pytest -q

fix: ## style that a program can correct
	.venv/bin/ruff check --fix .
	.venv/bin/ruff format .

generated: ## schemas, and the tables of README and guides that are made from the code
	.venv/bin/python -m tests.project.write_schemas
	.venv/bin/python -m tests.project.write_docs

golden: ## files with the outputs that people read; then read the difference
	.venv/bin/pytest -q -n 0 tests/cli/test_golden.py tests/output --snapshot-update
