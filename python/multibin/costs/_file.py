"""Reads what a class of costs saved as JSON."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

__all__ = ["loaded"]

T = TypeVar("T")


def loaded(path: str | os.PathLike[str], make: Callable[[Any], T], what: str) -> T:
    """Returns what ``make`` makes of the JSON in a file.

    Raises:
        OSError: the file cannot be read.
        ValueError: the file is no ``what``: no JSON, or ``make`` refuses it.
    """
    try:
        return make(json.loads(Path(path).read_text(encoding="utf-8")))
    except (ValueError, TypeError, RecursionError) as error:
        raise ValueError(f"{os.fspath(path)} is no {what}: {error}") from error
