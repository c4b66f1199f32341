"""Which lines of the package a call runs, each with the line before it."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any, TypeAlias

import multibin

__all__ = ["Step", "reached"]

Step: TypeAlias = tuple[str, int, int]
"""A file, a line of it, and the line that ran before."""

HOME = str(Path(multibin.__file__).parent)


def reached(call: Callable[[], object]) -> set[Step]:
    """Returns the steps between lines of the package while ``call`` runs in this thread."""
    steps: set[Step] = set()

    def enter(frame: FrameType, _event: str, _argument: object) -> Any:
        file, before = frame.f_code.co_filename, 0
        if not file.startswith(HOME):
            return None

        def line(frame: FrameType, event: str, _argument: object) -> Any:
            nonlocal before
            if event == "line":
                steps.add((file, frame.f_lineno, before))
                before = frame.f_lineno
            return line

        return line

    sys.settrace(enter)
    try:
        call()
    finally:
        sys.settrace(None)
    return steps
