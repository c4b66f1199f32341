"""Measures and tests on a GPU within a limit of time; the results are written as they come."""

from __future__ import annotations

import argparse
import os
import platform
import re
import shlex
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import torch
from benches.engine.shapes import NAMES, SHAPES
from benches.gpu.journal import Journal
from benches.gpu.options import AGAIN, add_options
from benches.gpu.steps import Step, pytest_step, run
from benches.gpu.wheel import unpack

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("multibin", "torch", "triton", "transformers", "numpy", "pytest", "hypothesis")
NO_GPU = {"CUDA_VISIBLE_DEVICES": ""}
LIMITS = {"llama-768x8": 60.0}
"""Seconds of a model's step, where they are others than `LIMIT`."""
LIMIT = 90.0
LEAST = 5.0
"""Seconds under which no step begins."""


def parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benches.gpu", description=__doc__)
    parser.add_argument("--limit", type=float, default=470, help="seconds of the whole run (470)")
    parser.add_argument("--wheel", type=Path, help="folder of the wheel; none: what is installed")
    parser.add_argument("--results", type=Path, default=ROOT / "benches/results", help="folder")
    parser.add_argument("--models", nargs="*", choices=NAMES, default=[*SHAPES], metavar="MODEL")
    parser.add_argument("--only", nargs="*", metavar="STEP", help="steps to run (all)")
    add_options(parser)
    return parser


def machine(device: str) -> str:
    """Returns the name of what computes."""
    if device == "cpu":
        return f"{platform.machine()} with {os.cpu_count()} cores"
    return str(torch.cuda.get_device_name(device))


def setting(options: argparse.Namespace) -> dict[str, object]:
    """Returns what the numbers depend on."""
    values: dict[str, object] = {
        "machine": machine(options.device),
        "date": time.strftime("%Y-%m-%d %H:%M"),
        "command": f"python -m benches.gpu {shlex.join(sys.argv[1:])}".strip(),
        "system": f"{platform.system()} {platform.release()}, {os.cpu_count()} cores",
        "versions": ", ".join([f"Python {platform.python_version()}", *map(_version, PACKAGES)]),
    }
    if options.device != "cpu":
        properties = torch.cuda.get_device_properties(options.device)
        values["device"] = (
            f"{properties.multi_processor_count} multiprocessors, "
            f"{properties.total_memory / 2**30:.0f} GiB, CUDA {torch.version.cuda}"
        )
    return values


def _version(package: str) -> str:
    try:
        return f"{package} {version(package)}"
    except PackageNotFoundError:
        return f"no {package}"


def place(results: Path, name: str) -> Path:
    """Returns the file of the records of a run on this machine: no other run has its name."""
    name = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")
    stem = f"gpu-{name}-{time.strftime('%Y-%m-%d')}"
    results.mkdir(parents=True, exist_ok=True)
    numbers = ("", *(f"-{number}" for number in range(2, 1000)))
    paths = (results / f"{stem}{number}.jsonl" for number in numbers)
    return next(path for path in paths if not path.exists())


def environment(options: argparse.Namespace) -> Mapping[str, str]:
    """Returns the variables of the steps: they import the wheel, and this folder's tests."""
    paths = [str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
    if options.wheel is not None:
        paths.insert(0, str(unpack(options.wheel, ROOT / "target/gpu")))
        # For its version: nothing here imports it.
        sys.path.insert(0, paths[0])
    hidden = {"PYTHONPATH": os.pathsep.join(paths), "HF_HUB_OFFLINE": "1"}
    return os.environ | hidden | {"TOKENIZERS_PARALLELISM": "false", "PYTHONUNBUFFERED": "1"}


def steps(options: argparse.Namespace, journal: Path) -> Iterator[Step]:
    """Yields the steps in their order; the limits add up to more than the whole one."""
    common = [f"--journal={journal}", f"--device={options.device}", *["--tiny"] * options.tiny]
    python = [sys.executable, "-m"]
    tests = partial(pytest_step, journal=journal, parallel=not options.tiny)
    kernels = "tests/kernels/test_cuda.py" if options.tiny else "tests/kernels"
    yield Step("machine", [*python, "benches.gpu.rates", *common], 60)
    yield tests("kernels", [kernels], 90)
    yield tests("engine", sorted(map(str, ROOT.glob("tests/llm/test_*cuda.py"))), 60)
    sizes = ("requests", "batch_size", "bins", "median", "longest", "seed")
    chosen = [f"--{name.replace('_', '-')}={getattr(options, name)}" for name in sizes]
    yield tests("reward models", sorted(map(str, ROOT.glob("tests/reward/**/test_*cuda.py"))), 60)
    yield Step("step scores", [*python, "benches.reward", *scores(options), common[0]], 60)
    for model in options.models:
        command = [*python, "benches.gpu.modes", model, *common, *chosen]
        yield Step(model, command, LIMITS.get(model, LIMIT), again=AGAIN)
    if not options.tiny:
        # They say that the versions fit. The GPU is hidden, as many processes would share it.
        yield tests("engine without the GPU", ["tests/llm"], 100, variables=NO_GPU)


def scores(options: argparse.Namespace) -> list[str]:
    """Returns the options of the bench of step scores."""
    if options.tiny:
        return ["--tiny", "--model=llama-3.2-1b", "--questions=2", "--rounds=1"]
    return [f"--device={options.device}", "--model=llama-3.2-1b", "--dtype=bfloat16", "--rounds=3"]


def run_all(options: argparse.Namespace, journal: Journal, variables: Mapping[str, str]) -> bool:
    """Runs the steps one after another, and returns true if all passed."""
    began, passed = time.perf_counter(), True
    for step in steps(options, journal.path):
        if options.only is not None and step.name not in options.only:
            continue
        limit = min(step.limit, options.limit - (time.perf_counter() - began))
        if limit < LEAST:
            journal.add("step", step=step.name, outcome="not begun", limit=step.limit)
            passed = False
            continue
        print(f"\n{step.name}: at most {limit:.0f} s", flush=True)
        journal.add("step", step=step.name, outcome="begun", limit=limit)
        outcome = run(step, limit, variables)
        journal.add("step", step=step.name, limit=limit, **vars(outcome))
        print(f"{step.name}: {outcome.outcome}, {outcome.seconds:.0f} s", flush=True)
        passed &= outcome.outcome == "passed"
    return passed


def main(arguments: Sequence[str] | None = None) -> int:
    options = parser().parse_args(arguments)
    if options.device != "cpu" and not torch.cuda.is_available():
        print("there is no GPU: `--tiny --device cpu` tries the steps without", file=sys.stderr)
        return 2
    try:
        variables = environment(options)
    except ValueError as error:
        print(error, file=sys.stderr)
        return 2
    journal = Journal(place(options.results, machine(options.device)))
    journal.add("setting", **setting(options))
    passed = run_all(options, journal, variables)
    print(f"\n{journal.path.with_suffix('.md')}")
    return 0 if passed else 1


if __name__ == "__main__":
    sys.exit(main())
