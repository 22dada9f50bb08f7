.PHONY: setup test test-wheels demo lint mutate clean
PYTHON ?= $(shell command -v python3.11 || command -v python3)
RUN = scripts/with_ros

setup:
	@$(PYTHON) scripts/setup_environment.py

demo: setup
	@$(RUN) python -m autoseg3d_ros.demo --out out/demo

lint: setup
	@$(RUN) ruff check .
	@$(RUN) ruff format --check .
	@$(RUN) mypy autoseg3d_core autoseg3d_ros

test: lint
	@$(RUN) python -m pytest

# The wheel with each extra in a clean environment, and what a new user runs first; long, and needs the network.
EXTRAS ?=
test-wheels:
	@$(PYTHON) scripts/test_wheels.py $(EXTRAS)

# How many small mutations of the core the tests notice (CONTRIBUTING.md); hours for all, so a sample.
SAMPLE ?= 200
SEED ?= 1
JOBS ?= 2
mutate: setup
	@.venv/bin/python -m pip install --quiet --disable-pip-version-check --no-deps -r scripts/requirements/mutation.txt
	@$(RUN) python scripts/mutate.py --sample $(SAMPLE) --seed $(SEED) --jobs $(JOBS)

clean:
	rm -rf build out .pytest_cache .ruff_cache .mypy_cache
