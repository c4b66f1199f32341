"""The options of a batcher, checked."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from multibin import _args
from multibin._core import Edges
from multibin.costs import CostTable

__all__ = ["Costs", "OnFull", "Options", "calls_of"]

Costs: TypeAlias = Literal["learn", "measure"] | CostTable | None
OnFull: TypeAlias = Literal["raise", "wait", "drop_oldest"]

ON_FULL: tuple[OnFull, ...] = ("raise", "wait", "drop_oldest")


@dataclass(frozen=True, kw_only=True)
class Options:
    """The options of a batcher; ``Batcher`` describes them."""

    batch_size: int
    length: Callable[[Any], Any] | None
    max_wait: float | None
    key: Callable[[Any], Any] | None
    workers: int
    bins: int
    edges: Edges | None
    cost: Callable[[Any], Any] | None
    costs: Costs
    capacity: int
    max_cost: int | None
    on_full: OnFull
    ttl: float | None
    ageing: float | None
    isolate: bool
    worker_timeout: float | None
    climb: bool
    make: Callable[[int], Any] | None

    def __post_init__(self) -> None:
        for name in ("length", "key", "cost", "make"):
            _callable(name, getattr(self, name))
        for name, low in (("batch_size", 1), ("workers", 1), ("bins", 1), ("capacity", 1)):
            _args.integer(name, getattr(self, name), low)
        if self.max_cost is not None:
            _args.integer("max_cost", self.max_cost, 1)
        for name in ("max_wait", "ttl"):
            if getattr(self, name) is not None:
                _args.number(name, getattr(self, name), 0.0)
        for name in ("ageing", "worker_timeout"):
            if getattr(self, name) is not None:
                _args.positive(name, getattr(self, name))
        for name in ("isolate", "climb"):
            _args.boolean(name, getattr(self, name))
        _args.one_of("on_full", self.on_full, ON_FULL)
        self._check_edges()
        self._check_costs()

    def _check_edges(self) -> None:
        if self.edges is not None and not isinstance(self.edges, Edges):
            raise TypeError(_args.sentence("edges", "Edges, or None", self.edges))
        if self.capacity < self.batch_size:
            rule = f"at least batch_size = {self.batch_size}"
            raise ValueError(_args.sentence("capacity", rule, self.capacity))

    def _check_costs(self) -> None:
        costs = self.costs
        if not isinstance(costs, CostTable) and costs not in ("learn", "measure", None):
            rule = "'learn', 'measure', a CostTable or None"
            raise ValueError(_args.sentence("costs", rule, costs))
        if costs == "measure" and self.make is None:
            raise ValueError(_args.sentence("make", "given with costs='measure'", None))
        if self.climb and (costs == "measure" or isinstance(costs, CostTable)):
            raise ValueError(_args.sentence("costs", "'learn' or None with climb=True", costs))

    @property
    def queues(self) -> int:
        """The most bins that there may ever be."""
        if self.edges is not None:
            return self.edges.bins
        return self.bins if self.length is not None or self.climb else 1

    @property
    def learns(self) -> bool:
        """Batch times are fitted from the batches that run. A climbing batch stops anywhere."""
        return self.costs == "learn" and not self.climb


def calls_of(function: object, workers: int) -> list[Callable[..., Any]]:
    """Returns the callable of each worker.

    Raises:
        TypeError: ``function`` is no callable and no sequence of them, or mixes async and not.
        ValueError: there are several callables, and ``workers`` is another number than 1.
    """
    if callable(function):
        return [function] * workers
    if isinstance(function, str | bytes) or not isinstance(function, Sequence) or not function:
        rule = "a callable, or a sequence with one a worker"
        raise TypeError(_args.sentence("function", rule, function))
    for at, call in enumerate(function):
        _callable(f"function[{at}]", call, optional=False)
        if is_async(call) != is_async(function[0]):
            rule = (
                f"async as function[0], or not, as {'it' if is_async(function[0]) else 'that'} is"
            )
            raise TypeError(_args.sentence(f"function[{at}]", rule, call))
    if workers != 1:
        raise ValueError(_args.sentence("workers", "1 with one callable a worker", workers))
    return list(function)


def is_async(call: object) -> bool:
    """Returns true for a callable that returns an awaitable: a coroutine function."""
    while hasattr(call, "func"):  # functools.partial
        call = call.func
    return inspect.iscoroutinefunction(call) or inspect.iscoroutinefunction(
        getattr(call, "__call__", None)  # noqa: B004
    )


def _callable(name: str, value: object, optional: bool = True) -> None:
    if not callable(value) and not (optional and value is None):
        rule = "a callable, or None" if optional else "a callable"
        raise TypeError(_args.sentence(name, rule, value))
