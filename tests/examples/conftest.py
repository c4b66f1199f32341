"""What the tests of the examples share."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any

import pytest


@pytest.fixture(scope="session")
def example() -> Callable[..., Any]:
    """Imports an example, or skips the test if a package that the example needs is missing."""

    def load(name: str, *packages: str) -> Any:
        for package in ("torch", "transformers", *packages):
            pytest.importorskip(package, reason=f"examples/{name}.py needs {package}")
        importlib.import_module("torch").set_num_threads(1)
        return importlib.import_module(f"examples.{name}")

    return load
