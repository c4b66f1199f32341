"""The package as a whole: what importing costs, what it exports, how much memory it takes."""

from __future__ import annotations

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
    code = """
import sys, time
import numpy
start = time.perf_counter()
import multibin
print(time.perf_counter() - start)
for heavy in ("torch", "transformers", "triton", "matplotlib", "tqdm"):
    assert heavy not in sys.modules, heavy
"""
    assert min(float(run(code)) for _ in range(5)) < 0.05


def test_every_exported_name_exists() -> None:
    pytest.importorskip("torch", reason="the engine's names need the extra `llm`")
    for name in multibin.__all__:
        assert getattr(multibin, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        _ = multibin.nonsense


def test_every_class_of_the_core_is_frozen() -> None:
    sources = (Path(__file__).parents[1] / "rust/multibin-python/src").glob("*.rs")
    declared = [
        arguments
        for source in sources
        for arguments in re.findall(r"#\[pyclass(?:\((.*?)\))?\]", source.read_text(), re.DOTALL)
    ]
    assert len(declared) == len(multibin._core.__all__)
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
