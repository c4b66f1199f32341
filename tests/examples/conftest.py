"""What the tests of the examples share."""

from __future__ import annotations

import importlib
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
STARTS_WITHIN = 120


@pytest.fixture(scope="session")
def example() -> Callable[..., Any]:
    """Imports an example, or skips the test if a package that the example needs is missing."""

    def load(name: str, *packages: str) -> Any:
        for package in ("torch", "transformers", *packages):
            pytest.importorskip(package, reason=f"examples/{name}.py needs {package}")
        importlib.import_module("torch").set_num_threads(1)
        return importlib.import_module(f"examples.{name}")

    return load


@contextmanager
def in_uvicorn(name: str, place: Path) -> Iterator[subprocess.Popen[str]]:
    """Runs an example as a process of uvicorn that listens on a socket in the file system."""
    command = [sys.executable, "-W", "always::ResourceWarning", "-m", "uvicorn"]
    command += [f"examples.{name}:app", "--uds", str(place), "--no-access-log"]
    plain = {name: value for name, value in os.environ.items() if name != "MODEL"}
    with subprocess.Popen(
        command, cwd=ROOT, env=plain | {"OMP_NUM_THREADS": "1"}, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            deadline = time.monotonic() + STARTS_WITHIN
            while not place.exists() and process.poll() is None:
                assert time.monotonic() < deadline
                time.sleep(0.05)
            yield process
        finally:
            process.kill()


@pytest.fixture(scope="session")
def serve() -> Callable[[str, Path], AbstractContextManager[subprocess.Popen[str]]]:
    """Runs an example in uvicorn, or skips the test if that is missing."""
    pytest.importorskip("uvicorn", reason="the server runs in uvicorn")
    return in_uvicorn
