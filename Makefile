# `make demo` and `make test` set up what they need (a virtual environment in .venv, the build, the
# extras) and then run; a second run reuses what is there.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# Two torch processes on few cores fight for them.
export OMP_NUM_THREADS ?= $(shell nproc)

# `make soak`: how many requests, and what their random course starts from.
REQUESTS ?= 1000000000
SEED ?= 1
# Runs what cargo built under memcheck. "Possibly lost" is no error, as std points into the middle of
# the handles of threads that live until the end.
VALGRIND := target."cfg(unix)".runner = "valgrind --fair-sched=try --error-exitcode=9 --leak-check=full --errors-for-leak-kinds=definite,indirect"

RUST := $(shell find rust -name '*.rs' -o -name Cargo.toml) Cargo.toml Cargo.lock

.PHONY: help demo test check bench models soak valgrind stubs format clean

help:
	@echo "make demo      what binning saves: one table and demo.png (under 2 minutes on 2 cores)"
	@echo "make test      all tests, Rust and Python"
	@echo "make check     formatting, lints, types, stubs, the model checker, the wheel's contents"
	@echo "make bench     microbenchmarks, each beside its rival, and their ratios"
	@echo "make models    docs/models.md: every causal model class of transformers, tried (5 minutes)"
	@echo "make soak      REQUESTS (10^9) through the threaded scheduler, each accounted for (SEED)"
	@echo "make valgrind  the core's tests and a small soak under memcheck"
	@echo "make stubs     regenerate python/multibin/_core.pyi"
	@echo "make format    format everything"

demo: $(VENV)/.built
	$(BIN)/multibin demo

test: $(VENV)/.built
	cargo test --workspace
	$(BIN)/python -m pytest
	$(BIN)/python -m pytest --parallel-threads=4 tests/scheduler

check: $(VENV)/.built
	cargo fmt --check
	cargo clippy --workspace --all-targets -- -D warnings
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/python -m mypy
	RUSTFLAGS="--cfg loom -D warnings" cargo test -p multibin --profile loom --lib --target-dir target/loom loom
	$(BIN)/maturin generate-stubs --quiet --out target/stubs
	diff python/multibin/_core.pyi target/stubs/multibin/_core.pyi
	$(BIN)/python -m mypy.stubtest multibin._core
	$(BIN)/maturin build --release --quiet --out target/dist
	$(BIN)/python .ci/wheel.py target/dist
	$(BIN)/python -m tools.models --check

bench: $(VENV)/.built
	cargo bench -p multibin --bench core
	$(BIN)/python -m pytest benches --benchmark-json=target/benches.json
	$(BIN)/python benches/bars.py

models: $(VENV)/.built
	$(BIN)/python -m tools.models

soak:
	cargo run --release -p multibin --example soak -- $(REQUESTS) $(SEED)

# Few cases per property, as memcheck is tens of times slower.
valgrind:
	PROPTEST_CASES=4 cargo test --release -p multibin --lib --test threads --config '$(VALGRIND)'
	cargo run --release -p multibin --example soak --config '$(VALGRIND)' -- 20000 $(SEED)

stubs: $(VENV)/.built
	$(BIN)/maturin generate-stubs --quiet --out target/stubs
	cp target/stubs/multibin/_core.pyi python/multibin/_core.pyi

format: $(VENV)/.built
	cargo fmt
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean:
	rm -rf target $(VENV) demo.png

$(BIN)/maturin: pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip 'maturin>=1.16,<2'
	@touch $@

$(VENV)/.built: $(BIN)/maturin $(RUST)
	@# VIRTUAL_ENV: maturin would install into an environment that is active elsewhere.
	@echo 'building multibin and installing what it needs into $(VENV) (torch is several GB)'
	VIRTUAL_ENV=$(CURDIR)/$(VENV) PIP_QUIET=1 $(BIN)/maturin develop --release --quiet --extras llm,plot,dev
	@touch $@
