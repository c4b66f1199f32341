# `make demo` and `make test` set up what they need and then run; a second run reuses what is there. They need a
# virtual environment in .venv with the versions of requirements/locked.txt, and the build.

PYTHON ?= python3
PYTHON_OLDEST ?= python3.11
PYTHON_NEWEST ?= $(PYTHON)
VENV := .venv
OLDEST ?= .venv-oldest
NEWEST ?= .venv-newest
PEERS ?= .venv-peers
BIN := $(VENV)/bin
# rustup installs cargo there, and a shell that is older does not look there.
export PATH := $(PATH):$(HOME)/.cargo/bin
# Two torch processes on few cores fight for them.
export OMP_NUM_THREADS ?= $(shell nproc)

# Tests run in so many processes, each with one torch thread and whole files, as a file shares its models.
# The order of the folders stays: the longest single test comes early. Batchers are timed, so their tests
# have the machine to themselves.
PROCESSES ?= $(shell n=$$(nproc); echo $$((n < 4 ? n : 4)))
SPREAD := --numprocesses=$(PROCESSES) --dist=loadfile --no-loadscope-reorder --ignore-glob='tests/batcher/test_*.py'
test test-oldest test-newest test-released: export OMP_NUM_THREADS := 1

# `make soak`: how many requests, and what their random course starts from.
REQUESTS ?= 1000000000
SEED ?= 1
# `make faults`: how many programs, from this seed on.
PROGRAMS ?= 1000
# `make fuzz`: for how long.
SECONDS ?= 600
# `make gpu`: where its results go, and other options of `python -m benches.gpu`.
RESULTS ?= benches/results
GPU ?=
# `make bench-engine`: other options of `python -m benches.engine llama`.
ENGINE ?=
# Runs what cargo built under memcheck. "Possibly lost" is no error, as std points into the middle of
# the handles of threads that live until the end.
VALGRIND := target."cfg(unix)".runner = "valgrind --fair-sched=try --error-exitcode=9 --leak-check=full --errors-for-leak-kinds=definite,indirect"

RUST := $(shell find rust -name '*.rs' -o -name Cargo.toml) Cargo.toml Cargo.lock
PACKAGE := $(RUST) $(shell find python kernels -name '*.py' -o -name '*.pyi' -o -name '*.json') pyproject.toml README.md

# Tests the wheel in the environment $(1), whose outcome is called $(2). Deprecations are listed and fail
# nothing: the newest versions announce them, and the oldest meet those of newer packages beneath them.
DEPRECATIONS := DeprecationWarning PendingDeprecationWarning FutureWarning
# These tests meet Python, the core and this repository alone, and `make test` runs them. The blocks of
# the pages are written for the locked versions: what they call has tests of its own.
UNVERSIONED := tests/batcher tests/bench tests/cli/test_process.py tests/docs tests/faults tests/tools
versioned = $(1)/bin/python -m pytest -p tools.outcome --outcome=$(2) --disable-warnings $(SPREAD) \
	--continue-on-collection-errors --hypothesis-profile=few $(UNVERSIONED:%=--ignore=%) \
	$(DEPRECATIONS:%=-W default::%)

# Makes the environment $(2) of the requirements $(3), unless it is there, with the Python that the
# variable $(1) names. The packages of $(4) come without their dependencies. The stamp .installed keeps
# its time if nothing is done.
define environment
@command -v $($(1)) >/dev/null || { echo 'there is no $($(1)): set $(1) to a Python from 3.11 to 3.14' >&2; exit 2; }
@$($(1)) tools/environment.py $(2) $(3) $(4)
endef

# The parts of `make check`. Most use one core, so several run at once (JOBS), each with its output in one
# piece. They all run, whatever fails. The longest come first.
CHECKS := check-rust check-fuzz check-types check-loom check-wheel docs check-models check-stubs check-python check-words
JOBS ?= $(shell nproc)

.PHONY: help build quick demo test test-oldest test-newest test-released check $(CHECKS) bench bench-batcher bench-engine gpu wheel wheels models soak faults fuzz conformance-peers valgrind deny stubs lock format clean FORCE

help:
	@echo "make build        .venv with the locked versions, and the core"
	@echo "make quick        the core again, built fast: for trying a change of Rust"
	@echo "make demo         what binning saves: one table and demo.png"
	@echo "make test         all tests, Rust and Python"
	@echo "make test-oldest  the Python tests with the oldest versions that pyproject.toml declares"
	@echo "make test-newest  the same with the newest released ones, if they are not the locked ones"
	@echo "make check        formatting, lints, types, stubs, prose, layout, the model checker, the wheel's contents"
	@echo "make docs         target/site: the documentation, with the reference of Python, Rust and the commands"
	@echo "make bench        microbenchmarks, each beside its baseline, and their ratios"
	@echo "make bench-batcher  the batcher beside its baselines (FIGURES, RUNS); installs them into target/baselines"
	@echo "make bench-engine  the engine beside transformers on a Llama of 300 MB (ENGINE: its options)"
	@echo "make wheel        target/wheel: what ships"
	@echo "make wheels       target/wheels: wheels for Linux on x86-64 and aarch64, and the sources, checked"
	@echo "make gpu          everything that needs a GPU, in eight minutes; needs the wheel alone (PYTHON, RESULTS, GPU)"
	@echo "make models       docs/reference/models.md: every causal model class of transformers, tried (7 minutes)"
	@echo "make soak         REQUESTS (10^9) through the threaded scheduler, each accounted for (SEED)"
	@echo "make faults       PROGRAMS (1000) that fork, raise, cancel, close and wait at random (SEED)"
	@echo "make fuzz         changed files for what reads files, for SECONDS (600; SEED)"
	@echo "make conformance-peers  the conformance suite on ten other libraries (half an hour)"
	@echo "make valgrind     the core's tests and a small soak under memcheck"
	@echo "make deny         licences, versions, sources and advisories of packages, by cargo-deny if it is there"
	@echo "make stubs        regenerate python/multibin/_core.pyi"
	@echo "make lock         renew requirements/, the versions that all of this installs"
	@echo "make format       format everything"

build: $(VENV)/.built

# The stamp goes, so that the next other command builds as what ships is built.
quick: $(VENV)/.installed
	rm -f $(VENV)/.built
	VIRTUAL_ENV=$(CURDIR)/$(VENV) PIP_NO_INDEX=1 PIP_QUIET=1 $(BIN)/maturin develop --profile quick --locked

demo: $(VENV)/.built
	$(BIN)/multibin demo

test: $(VENV)/.built
	cargo test --locked --workspace
	$(BIN)/python -m pytest $(SPREAD)
	$(BIN)/python -m pytest tests/batcher --ignore=tests/batcher/conformance
	$(BIN)/python -m pytest $(SPREAD) --parallel-threads=4 tests/scheduler

test-oldest: $(OLDEST)/.wheel
	$(call versioned,$(OLDEST),oldest)

# The locked versions pass here without a run, as `make test` is their run.
test-newest: target/newest.txt
	@$(BIN)/python -m tools.newest $< $(PYTHON_NEWEST) || $(MAKE) --no-print-directory test-released

test-released: $(NEWEST)/.wheel
	$(call versioned,$(NEWEST),newest)

check: $(VENV)/.built
	@$(MAKE) --no-print-directory --jobs=$(JOBS) --keep-going --output-sync=target $(CHECKS)

# cargo would look for the job server of make, which only recipes that call make have.
$(CHECKS): export CARGO_MAKEFLAGS :=

check-rust: $(VENV)/.built
	cargo fmt --check
	$(BIN)/python -m tools.deny
	cargo clippy --locked --workspace --all-targets -- -D warnings

check-loom:
	RUSTFLAGS="--cfg loom -D warnings" cargo test --locked -p multibin --profile quick --lib --target-dir target/loom loom

check-python: $(VENV)/.built
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

check-types: $(VENV)/.built
	$(BIN)/python -m mypy
	$(BIN)/python -m mypy.stubtest multibin._core

check-stubs: $(VENV)/.built
	$(BIN)/maturin generate-stubs --quiet --out target/stubs
	diff python/multibin/_core.pyi target/stubs/multibin/_core.pyi

check-wheel: target/wheel/.built
	$(BIN)/python .ci/wheel.py target/wheel

check-models: $(VENV)/.built
	$(BIN)/python -m tools.models --check

check-fuzz: $(VENV)/.built
	$(BIN)/python -m tools.fuzz --seconds 60

check-words: $(VENV)/.built
	$(BIN)/python -m tools.prose
	$(BIN)/python -m tools.layout

# Each warning is an error: a link without its target, a page outside the navigation, or a docstring of an
# argument that is not there. Under --quiet no warning would count. Versions are pinned, so the notice of
# material about the end of its support in 2027 is silenced.
docs: export NO_MKDOCS_2_WARNING := 1
docs: $(VENV)/.built
	RUSTDOCFLAGS="-D warnings" cargo doc --locked --no-deps -p multibin --all-features
	$(BIN)/python -m mkdocs build --strict
	@echo 'the documentation is in target/site: open index.html'

bench: $(VENV)/.built
	cargo bench -p multibin --bench core
	$(BIN)/python -m pytest benches --benchmark-json=target/benches.json
	$(BIN)/python benches/targets.py
	cargo bench -p multibin --bench pauses

# One torch thread, as the figures say.
bench-batcher: $(VENV)/.built target/baselines/.installed
	OMP_NUM_THREADS=1 target/baselines/bin/python -m benches.batcher $(FIGURES) $(RUNS:%=--runs %)

bench-engine: $(VENV)/.built
	$(BIN)/python -m benches.engine llama $(ENGINE)

wheel: target/wheel/.built

# Needs the network, for its tools and for the standard library of the other platform.
wheels: $(VENV)/.built
	$(BIN)/python -m tools.wheels

# For a machine without cargo and .venv: it depends on nothing, and installs nothing.
gpu:
	$(PYTHON) -m benches.gpu --wheel target/wheel --results $(RESULTS) $(GPU)

models: $(VENV)/.built
	$(BIN)/python -m tools.models

soak:
	cargo run --release -p soak -- $(REQUESTS) $(SEED)

# SEED tries other files than those of `make check`.
fuzz: $(VENV)/.built
	$(BIN)/python -m tools.fuzz --seconds $(SECONDS) --seed $(SEED)

faults: $(VENV)/.built
	$(BIN)/python -m tests.faults --programs $(PROGRAMS) --seed $(SEED)

conformance-peers: $(VENV)/.built
	$(BIN)/python -m tests.batcher.conformance.install $(PEERS)
	PEERS=$(abspath $(PEERS)) $(BIN)/python -m pytest tests/batcher/conformance

# Few cases per property, as memcheck is tens of times slower.
valgrind:
	PROPTEST_CASES=4 cargo test --release -p multibin --lib --test threads --config '$(VALGRIND)'
	cargo run --release -p soak --config '$(VALGRIND)' -- 20000 $(SEED)

# What tools/deny.py checks, and the advisories, which need the network.
deny:
	@cargo deny --version >/dev/null 2>&1 || { echo 'there is no cargo-deny: cargo install --locked cargo-deny' >&2; exit 2; }
	cargo deny --locked check

stubs: $(VENV)/.installed
	$(BIN)/maturin generate-stubs --quiet --out target/stubs
	cp target/stubs/multibin/_core.pyi python/multibin/_core.pyi

lock: $(VENV)/.built
	$(BIN)/python -m tools.lock

format: $(VENV)/.installed
	cargo fmt
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean:
	rm -rf target $(VENV) $(OLDEST) $(NEWEST) demo.png

$(VENV)/.installed: FORCE
	$(call environment,PYTHON,$(VENV),requirements/locked.txt,requirements/model.txt)

$(OLDEST)/.installed: FORCE
	$(call environment,PYTHON_OLDEST,$(OLDEST),requirements/oldest.txt)

$(NEWEST)/.installed: target/newest.txt FORCE
	$(call environment,PYTHON_NEWEST,$(NEWEST),$<)

target/newest.txt: $(VENV)/.installed FORCE
	@mkdir -p target
	@echo 'resolving the newest released versions'
	@$(BIN)/python -m tools.lock newest $@ || \
		{ echo 'the newest versions are unknown: is the package index reachable?' >&2; exit 1; }

$(VENV)/.built: $(VENV)/.installed $(RUST) pyproject.toml
	@echo 'building multibin into $(VENV): about a minute the first time'
	@# VIRTUAL_ENV: maturin would install into an environment that is active elsewhere. Nothing is left
	@# for pip to look up.
	VIRTUAL_ENV=$(CURDIR)/$(VENV) PIP_NO_INDEX=1 PIP_QUIET=1 $(BIN)/maturin develop --release --locked
	@touch $@

# The baselines of the benches see the packages of .venv, and are seen by nothing else.
target/baselines/.installed: benches/batcher/baselines.txt $(VENV)/.installed
	$(BIN)/python -m venv --clear target/baselines
	printf '%s\n' '$(CURDIR)/python' "$$($(BIN)/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')" \
		> "$$(target/baselines/bin/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')/project.pth"
	target/baselines/bin/python -m pip install --quiet --disable-pip-version-check --requirement $<
	@touch $@

# What ships: one wheel for all Pythons.
target/wheel/.built: $(VENV)/.installed $(PACKAGE)
	rm -rf target/wheel
	$(BIN)/maturin build --release --locked --out target/wheel
	@touch $@

%/.wheel: %/.installed target/wheel/.built
	$*/bin/python -m pip install --no-index --no-deps --force-reinstall target/wheel/*.whl
	@touch $@
