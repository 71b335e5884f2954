# PatchICL: `make help` lists the targets. `demo`, `test` and `lint` set up by themselves.

VENV ?= .venv
PYTHON ?= $(firstword $(shell command -v python3.11 python3.12 python3.13 python3))
# Exact versions; `make setup CONSTRAINTS=` takes what is installed already or what pip finds.
CONSTRAINTS ?= constraints.txt
# Further arguments for pip, for instance --index-url or --find-links for your own build of torch.
PIP_ARGS ?=
PYTEST_ARGS ?=
DEMO_OUTPUT ?= demo-output
SLICER ?= Slicer
# What the archive of `make extension` is for; Help > About 3D Slicer shows version and revision.
SLICER_VERSION ?= 5.10
SLICER_REVISION ?= 0
SLICER_PLATFORM ?= linux-amd64

BIN := $(VENV)/bin
STAMP := $(VENV)/.patchicl-set-up
EXTRAS := train,evaluate,distributed,slicer,dicom,dev

.DEFAULT_GOAL := help
.PHONY: help setup demo test test-slicer extension lint format cmake-lists constraints clean clean-venv

help: ## List the targets
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | while IFS="$$(printf '\t')" read -r name text; do printf '  make %-14s %s\n' "$$name" "$$text"; done

setup: $(STAMP) ## Create or update the environment in .venv (happens by itself)

$(STAMP): pyproject.toml PatchICLLib/version.py $(CONSTRAINTS)
	@if [ -x $(BIN)/python ]; then echo "Using the environment in $(VENV)"; \
	else \
	  [ -n "$(PYTHON)" ] || { echo "No Python found: install Python 3.11 or newer, or say make PYTHON=/path/to/python." >&2; exit 1; }; \
	  echo "Creating $(VENV) with $(PYTHON)"; "$(PYTHON)" -m venv $(VENV); fi
	@$(BIN)/python -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "$(VENV) has $$($(BIN)/python --version), PatchICL needs 3.11 or newer: make clean-venv PYTHON=python3.11" >&2; exit 1; }
	@echo "Installing PatchICL and what it needs into $(VENV) (some minutes the first time; torch is the large part)"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check $(PIP_ARGS) \
	  $(if $(CONSTRAINTS),--constraint $(CONSTRAINTS)) --editable '.[$(EXTRAS)]'
	@touch $@
	@echo "Ready: $$($(BIN)/python --version), torch $$($(BIN)/python -c 'import torch; print(torch.__version__)'), command line $(BIN)/patchicl"

demo: $(STAMP) ## Segment the embedded MRI from three painted slices; writes pictures to demo-output/
	$(BIN)/patchicl demo --output $(DEMO_OUTPUT)

test: $(STAMP) ## Run the tests (PYTEST_ARGS="-m 'not slow'" for the quick ones)
	$(BIN)/python -m pytest $(PYTEST_ARGS)

test-slicer: ## Run the modules' tests inside an installed 3D Slicer: make test-slicer SLICER=/path/to/Slicer
	@for module in PatchICLSegment SegmentEditorPatchICL; do \
	  "$(SLICER)" --no-splash --testing \
	    --additional-module-paths "$(CURDIR)/PatchICLSegment" "$(CURDIR)/SegmentEditorPatchICL" \
	    --python-code "import slicer.testing; slicer.testing.runUnitTest(['$(CURDIR)/$$module'], '$$module')" || exit 1; \
	done

extension: $(STAMP) ## Write the archive for Slicer's Extensions Manager to dist/ (SLICER_VERSION=5.10 SLICER_REVISION=N SLICER_PLATFORM=...)
	$(BIN)/python Utilities/build_extension.py --output dist --slicer-version $(SLICER_VERSION) \
	  --slicer-revision $(SLICER_REVISION) --platform $(SLICER_PLATFORM)

lint: $(STAMP) ## Check style, types and the file lists for CMake
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/python Utilities/update_cmake_lists.py --check

format: $(STAMP) ## Rewrite the sources in the project's style
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

cmake-lists: $(STAMP) ## Rewrite the file lists in CMakeLists.txt from the tree
	$(BIN)/python Utilities/update_cmake_lists.py

constraints: $(STAMP) ## Rewrite constraints.txt from what is installed
	@{ echo "# Exact versions that the tests pass with. Regenerate with: make constraints"; \
	  $(BIN)/python -m pip freeze --exclude-editable | sed 's/+.*$$//'; } > constraints.new && mv constraints.new constraints.txt

clean: ## Remove what commands wrote (caches, demo output); keeps .venv
	rm -rf $(DEMO_OUTPUT) build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -not -path './$(VENV)/*' -prune -exec rm -rf {} +

clean-venv: ## Remove the environment
	rm -rf $(VENV)
