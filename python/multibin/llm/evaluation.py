"""A model in evaluation mode while it generates, and then as its owner left it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Lock

from torch import nn


@dataclass
class Stay:
    """The calls that run a model now, and its parts that were in training mode before them."""

    training: list[nn.Module]
    calls: int = 0


_STAYS: dict[nn.Module, Stay] = {}
_LOCK = Lock()


@contextmanager
def evaluating(module: nn.Module) -> Iterator[None]:
    """Evaluation mode inside, also where calls of several engines on one model overlap: the last
    that leaves restores it.
    """
    _enter(module)
    try:
        yield
    finally:
        _leave(module)


def _enter(module: nn.Module) -> None:
    with _LOCK:
        if module not in _STAYS:
            _STAYS[module] = Stay([part for part in module.modules() if part.training])
            module.eval()
        _STAYS[module].calls += 1


def _leave(module: nn.Module) -> None:
    with _LOCK:
        stay = _STAYS[module]
        stay.calls -= 1
        if not stay.calls:
            del _STAYS[module]
            for part in stay.training:
                part.training = True
