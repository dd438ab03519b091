# The daily commands. Every target sets up .venv by itself; PYTHON=... names the Python to make it from.
.POSIX:
unexport PYTHONPATH PYTHONHOME VIRTUAL_ENV
export PYTHONNOUSERSITE = 1
BIN = .venv/bin
# on all processors, a file of tests on one of them, as its fixtures are made once
SIDE_BY_SIDE = -n auto --dist loadfile

help:
	@echo "make demo    eight labelled scans into demo-out/ and a picture of them, demo.png"
	@echo "make test    the tests (make test-all: the slow ones too)"
	@echo "make lint    style, and the direction of imports"
	@echo "make format  put the code in its usual form"
	@echo "make gallery pictures of all kinds of defect, and the page that shows them: defects/README.md"
	@echo "make sheets  a contact sheet of every bundled dataset, and the schema in its README"
	@echo "make scatter the picture of what scatter does to a scan: docs/scatter.png"
	@echo "make bench   the figures that the README quotes"
	@echo "make test-gpu, make bench-gpu        the same on an NVIDIA card"
	@echo "make test-simulated                  the card's kernels on numba's simulator: no card is needed"
	@echo "make setup   set up .venv with all that these use"

core:
	@PYTHON="$(PYTHON)" sh .ci/venv.sh core

setup:
	@PYTHON="$(PYTHON)" sh .ci/venv.sh all

demo: core
	rm -rf demo-out
	$(BIN)/ctsim generate demo --out demo-out
	$(BIN)/ctsim check demo-out
	$(BIN)/ctsim preview demo-out --count 8 --out demo.png

test: setup
	$(BIN)/python -m pytest $(SIDE_BY_SIDE) -m "not slow and not gpu"

test-all: setup
	$(BIN)/python -m pytest $(SIDE_BY_SIDE) -m "not gpu"

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports

format: setup
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: setup
	$(BIN)/python -m tests.bench.radiograph
	$(BIN)/python -m tests.bench.reconstruct
	$(BIN)/python -m tests.bench.operators
	$(BIN)/python -m tests.bench.defects
	$(BIN)/python -m tests.bench.cad
	$(BIN)/python -m tests.bench.montecarlo
	$(BIN)/python -m tests.bench.demo
	$(BIN)/python -m tests.bench.dataset
	$(BIN)/python -m tests.bench.storage
	$(BIN)/python -m tests.bench.check
	$(BIN)/python -m tests.bench.soak

test-simulated: setup
	NUMBA_ENABLE_CUDASIM=1 $(BIN)/python -m pytest tests/ctsim/gpu/test_gpu.py

gallery: setup
	$(BIN)/python -m ctsim.gallery defects

sheets: setup
	$(BIN)/python -m ctsim.dataset.bundled scenes/datasets

scatter: setup
	$(BIN)/python -m tests.bench.cupping docs/scatter.png

card:
	@PYTHON="$(PYTHON)" sh .ci/gpu.sh card

test-gpu: card
	$(BIN)/python -m pytest -m gpu

bench-gpu: card
	$(BIN)/python -m tests.bench.gpu

.PHONY: help core setup gallery sheets scatter demo test test-all lint format bench test-simulated card test-gpu bench-gpu
