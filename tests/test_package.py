"""The package as a whole: what importing costs, what it exports, how much memory it takes."""

from __future__ import annotations

import inspect
import re
import subprocess
import sys
from pathlib import Path

import pytest

import multibin
import multibin._core


def run(code: str) -> str:
    """Runs code in a fresh interpreter and returns what it printed."""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_importing_is_light() -> None:
    """Beside numpy it loads its own modules and few of the standard library's."""
    code = """
import sys
import numpy
before = set(sys.modules)
import multibin
from multibin import *
loaded = {name.split(".")[0] for name in set(sys.modules) - before}
print(*sorted(loaded - sys.stdlib_module_names))
print(len(loaded))
"""
    names, modules = run(code).splitlines()
    assert names == "multibin numpy"
    assert int(modules) < 30


def test_the_engine_says_what_to_install() -> None:
    code = """
import sys
sys.modules["torch"] = None
import multibin
try:
    multibin.LLM
except ModuleNotFoundError as error:
    print(error)
"""
    assert run(code) == "multibin.LLM needs torch: install multibin[llm]\n"


def test_every_exported_name_exists() -> None:
    pytest.importorskip("torch", reason="the engine's names need the extra `llm`")
    for name in [*multibin.__all__, "LLM", "SamplingParams", "RequestOutput", "CompletionOutput"]:
        assert getattr(multibin, name) is not None
        assert name in dir(multibin)
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        _ = multibin.nonsense


def test_every_class_of_the_core_is_frozen() -> None:
    sources = (Path(__file__).parents[1] / "rust/multibin-python/src").rglob("*.rs")
    declared = [
        arguments
        for source in sources
        for arguments in re.findall(r"#\[pyclass(?:\((.*?)\))?\]", source.read_text(), re.DOTALL)
    ]
    assert len(declared) == sum(map(inspect.isclass, vars(multibin._core).values()))
    assert all("frozen" in arguments for arguments in declared), declared


@pytest.mark.parametrize("length", [0, 100, 255, 10**6])
@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_memory_is_bounded_whatever_bin_everything_falls_in(length: int) -> None:
    code = f"""
import numpy as np
import multibin as mb

def resident():
    with open("/proc/self/statm") as statm:
        return int(statm.read().split()[1]) * 4096

keys = np.arange(1000, dtype=np.uint64)
lengths = np.full(1000, {length})
before = resident()
scheduler = mb.Scheduler(mb.Edges.uniform(0, 256, 256), 32, capacity=1_000_000)
for _ in range(1000):
    scheduler.submit_many(keys, lengths)
assert scheduler.stats()["waiting"] == 1_000_000
print(resident() - before)
"""
    assert int(run(code)) < 100e6


@pytest.mark.skipif(sys.platform != "linux", reason="limits the address space")
def test_a_capacity_beyond_the_memory_is_refused() -> None:
    code = """
import resource
import multibin as mb

resource.setrlimit(resource.RLIMIT_AS, (8 << 30, 8 << 30))
try:
    mb.Scheduler(mb.Edges([0, 1]), 1, capacity=1 << 30)
except MemoryError as error:
    print(error)
"""
    assert run(code) == "capacity must fit in memory, got 1073741824\n"
