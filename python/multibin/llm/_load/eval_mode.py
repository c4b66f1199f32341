"""Evaluation mode for a model while it generates; its owner's mode returns afterwards."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Lock

from torch import nn


@dataclass
class Running:
    """A model's parts that were in training mode before its calls, and how many calls run."""

    training: list[nn.Module]
    calls: int = 0


_RUNNING: dict[nn.Module, Running] = {}
_LOCK = Lock()


@contextmanager
def eval_mode(module: nn.Module) -> Iterator[None]:
    """Keeps `module` in evaluation mode inside, and restores its mode at the end.

    Calls of several engines on one model may overlap: the last that leaves restores the mode.
    """
    _enter(module)
    try:
        yield
    finally:
        _leave(module)


def _enter(module: nn.Module) -> None:
    with _LOCK:
        if module not in _RUNNING:
            _RUNNING[module] = Running([part for part in module.modules() if part.training])
            module.eval()
        _RUNNING[module].calls += 1


def _leave(module: nn.Module) -> None:
    with _LOCK:
        running = _RUNNING[module]
        running.calls -= 1
        if not running.calls:
            del _RUNNING[module]
            for part in running.training:
                part.training = True
