.PHONY: setup test demo lint clean
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

clean:
	rm -rf build out .pytest_cache .ruff_cache .mypy_cache
