# `make demo` and `make test` set up what they need (a virtual environment in .venv, the build, the
# extras) and then run; a second run reuses what is there.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# Two torch processes on few cores fight for them.
export OMP_NUM_THREADS ?= $(shell nproc)

RUST := $(shell find rust -name '*.rs' -o -name Cargo.toml) Cargo.toml Cargo.lock

.PHONY: help demo test check bench stubs format clean

help:
	@echo "make demo    what binning saves: one table and demo.png (under 2 minutes on 2 cores)"
	@echo "make test    all tests, Rust and Python"
	@echo "make check   formatting, lints, types, stubs, the model checker, the wheel's contents"
	@echo "make bench   microbenchmarks, each beside its rival, and their ratios"
	@echo "make stubs   regenerate python/multibin/_core.pyi"
	@echo "make format  format everything"

demo: $(VENV)/.built
	$(BIN)/multibin demo

test: $(VENV)/.built
	cargo test --workspace
	$(BIN)/python -m pytest

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

bench: $(VENV)/.built
	cargo bench -p multibin --bench core
	$(BIN)/python -m pytest benches --benchmark-json=target/benches.json
	$(BIN)/python benches/bars.py

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
	@echo 'building multibin and installing what it needs into $(VENV) (torch is several GB)'
	PIP_QUIET=1 $(BIN)/maturin develop --release --quiet --extras llm,plot,dev
	@touch $@
