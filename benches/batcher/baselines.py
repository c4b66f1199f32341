"""Libraries that may be missing."""

from __future__ import annotations

import importlib
import importlib.metadata
import importlib.util
from collections.abc import Iterator
from pathlib import Path
from typing import Any

__all__ = ["SkippedError", "have", "load", "versions"]

PINNED = Path(__file__).parent / "baselines.txt"
OWN = ("multibin", "numpy", "torch", "transformers")


class SkippedError(Exception):
    """A figure lacks what it compares with."""


def have(module: str) -> bool:
    """Returns true if a library is installed, without importing it."""
    return importlib.util.find_spec(module) is not None


def load(module: str) -> Any:
    """Imports a library whose types are unknown here."""
    if not have(module.split(".")[0]):
        raise SkippedError(f"{module.split('.')[0]} is not installed")
    return importlib.import_module(module)


def versions() -> Iterator[str]:
    """Yields the versions of all that takes part."""
    lines = PINNED.read_text().splitlines()
    pinned = [line.split("==")[0] for line in lines if "==" in line]
    for name in (*OWN, *pinned):
        try:
            yield f"{name} {importlib.metadata.version(name)}"
        except importlib.metadata.PackageNotFoundError:
            yield f"{name} missing"
