# Everything is set up in .venv and written to build/; nothing else on the machine changes.
PYTHON ?= python3
DATA ?= ../shared/data
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.set-up
ON_MNIST := mnist-mlp mnist-mlp-up5k mnist-onehot-1 mnist-onehot-2 mnist-onehot-3 mnist-first-spike mnist-sparse mnist-cnn mnist-best mnist-rnn mnist-rnn-delta mnist-sequential mnist-permuted mnist-pixels-14 mnist-rows mnist-l2mu mnist-lmu
ON_SPOKEN := spoken-digits spoken-l2mu
ON_DIGITS := digits-cnn digits-resnet digits-separable digits-segmentation
# What has been run so far, looked for when it is needed.
RUNS = $(patsubst %/summary.json,%,$(wildcard build/demo/summary.json build/bench/*/summary.json))
# MNIST behind a link, of these: an iCEBreaker has room for fewer lanes then.
ON_LINK = $(patsubst build/bench/%,build/link/%,$(filter build/bench/mnist-mlp build/bench/mnist-mlp-up5k,$(RUNS)))
# pytest-xdist: one process a core; torch inside them must not fight over the cores.
JOBS ?= 2
# What spikingjelly and sinabs import.
BESIDE := loguru tqdm pbr matplotlib

export PIP_DISABLE_PIP_VERSION_CHECK := 1

.DEFAULT_GOAL := help
.PHONY: help setup frameworks demo test everything fuzz study bench boards regress record lint format clean

help:  ## this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(STAMP)  ## Python environment in .venv, versions from constraints.txt

$(STAMP): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "make: Python 3.11 or later is needed, found $$($(PYTHON) --version); give another with PYTHON=..." >&2; exit 2; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --constraint constraints.txt pip setuptools
	$(BIN)/pip install --quiet --constraint constraints.txt torch==2.13.0
	$(BIN)/pip install --quiet --constraint constraints.txt --no-build-isolation --editable '.[dev]'
	@touch $@

# Their own dependencies go against this set-up (sinabs: nir<=1.0.4 and samna) or are large and not
# needed to run a network (spikingjelly: torchvision, torchaudio, tensorboard), so they come without.
frameworks: $(STAMP)  ## SpikingJelly and sinabs beside it, to convert their modules
	$(BIN)/pip install --quiet --constraint constraints.txt $(BESIDE)
	$(BIN)/pip install --quiet --constraint constraints.txt --no-deps spikingjelly sinabs nirtorch

demo: $(STAMP)  ## the whole way on scikit-learn's digits, into build/demo
	$(BIN)/spikewright demo --out build/demo

bench: $(STAMP) build/demo/summary.json  ## all benchmarks, into build/bench, held against the record: hours
	for name in $(ON_MNIST); do \
		$(BIN)/spikewright bench $$name --data $(DATA)/mnist --out build/bench/$$name || exit; \
	done
	for name in $(ON_SPOKEN); do \
		$(BIN)/spikewright bench $$name --data $(DATA)/fsdd --out build/bench/$$name || exit; \
	done
	for name in $(ON_DIGITS); do \
		$(BIN)/spikewright bench $$name --out build/bench/$$name || exit; \
	done
	$(MAKE) regress

build/link/mnist-mlp: build/bench/mnist-mlp | $(STAMP)
	rm -rf $@.part && mkdir -p build/link && cp -r $< $@.part
	$(BIN)/spikewright build $@.part --board ulx3s-85f --link
	mv $@.part $@

build/link/mnist-mlp-up5k: build/bench/mnist-mlp-up5k | $(STAMP)
	rm -rf $@.part && mkdir -p build/link && cp -r $< $@.part
	$(BIN)/spikewright generate $@.part --lanes 4,1 --membranes block --weights spram --queue-depth 4
	$(BIN)/spikewright build $@.part --board icebreaker --link
	mv $@.part $@

boards: $(STAMP) $(ON_LINK)  ## the digits network for every board, or BOARDS="a b", into build/boards and docs/boards.md; LINKS=1: links only
	$(BIN)/python -m spikewright.flow.routed build/boards docs/boards.md $(BOARDS) $(if $(LINKS),--links) $(addprefix --project ,$(ON_LINK))

regress: $(STAMP)  ## hold the results in build against docs/results: what moved, and whether too far
	$(BIN)/python -m spikewright.flow.results regress docs/results $(RUNS)

record: $(STAMP)  ## take the results in build over into docs/results and the README
	$(BIN)/python -m spikewright.flow.results record docs/results README.md $(RUNS)

build/demo/summary.json: | $(STAMP)
	$(MAKE) demo

fuzz: $(STAMP)  ## N random networks (1000) from SEED (the date), golden model against Verilog
	OMP_NUM_THREADS=1 FUZZ_N=$(or $(N),1000) FUZZ_SEED=$(or $(SEED),$(shell date +%Y%m%d)) \
		$(BIN)/pytest -n $(JOBS) --dist worksteal -q tests/flow/cosim/test_fuzz.py

test: $(STAMP)  ## all tests
	DATA=$(DATA) OMP_NUM_THREADS=1 $(BIN)/pytest -n $(JOBS) --dist worksteal

study: $(STAMP)  ## fair targets of the methods' papers, into build/study and docs/results/methods.md: hours; ROWS="a,b" some
	$(BIN)/python -m spikewright.flow.study build/study docs/results/methods.md --data $(DATA) $(if $(ROWS),--rows $(ROWS))

everything: $(STAMP)  ## all tests in all combinations: long
	DATA=$(DATA) OMP_NUM_THREADS=1 $(BIN)/pytest -n $(JOBS) --dist worksteal --all-combinations

lint: $(STAMP) .types/.linked  ## style, types and layers
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy -p spikewright
	$(BIN)/lint-imports --no-cache

# mypy does not see through an editable install, so it gets links under the import name.
.types/.linked: Makefile
	@mkdir -p .types/spikewright
	@for folder in golden hdl boards flow; do ln -sfn ../../$$folder .types/spikewright/$$folder; done
	@touch $@

format: $(STAMP)  ## rewrite the code in the house's style
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

clean:  ## remove everything that was made, .venv included
	rm -rf build dist .types .venv *.egg-info .pytest_cache .ruff_cache .mypy_cache .hypothesis .import_linter_cache
	find golden hdl boards flow tests -name __pycache__ -prune -exec rm -rf {} +
