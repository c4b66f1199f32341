"""The checks, by topic. A check is a function of a trial; it raises if the batcher has the hole."""

from __future__ import annotations

import importlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from ..trial import Trial

TOPICS = ["answers", "cancellation", "failure", "ending", "loops", "fairness", "timing", "room"]
Body = Callable[[Trial], Awaitable[None] | None]


@dataclass(frozen=True)
class Check:
    """A check: its name, what it asks in one sentence, and the libraries that had the hole."""

    name: str
    asks: str
    topic: str
    found_in: tuple[str, ...]
    body: Body


CHECKS: dict[str, Check] = {}


def check(*found_in: str) -> Callable[[Body], Body]:
    """Registers a function as a check under its own name; its docstring says what it asks."""

    def register(body: Body) -> Body:
        asks = " ".join((body.__doc__ or "").split())
        topic = body.__module__.rpartition(".")[2]
        name = body.__name__
        CHECKS[name] = Check(name, asks, topic, found_in, body)
        return body

    return register


def load() -> dict[str, Check]:
    """Returns all checks in the order of the topics."""
    for topic in TOPICS:
        importlib.import_module(f"{__name__}.{topic}")
    return CHECKS
