"""Runs requests in the thread of the caller: submit some, take steps, submit more."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from typing import Any, Self

from multibin.llm._engine.interrupts import Interrupts
from multibin.llm._engine.request import Request
from multibin.llm._engine.service import Runs
from multibin.llm._stats import Meter, Watch

__all__ = ["Session"]


class Session:
    """One runner's life in the caller's thread.

    A Ctrl-C is raised between two steps. Whatever is raised inside, no request runs on and all
    slots are free afterwards.

    Args:
        runner: what runs the requests; it aborts at its end what is left.
        meter: counts them.
    """

    def __init__(self, runner: Runs, meter: Meter) -> None:
        self._runner = runner
        self._meter = meter
        self._interrupts = Interrupts()
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            stack.enter_context(self._interrupts)
            stack.enter_context(self._runner)
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *raised: Any) -> None:
        self._stack.__exit__(*raised)

    def submit(
        self,
        requests: Sequence[Request],
        lengths: Any,
        *,
        priorities: Any = None,
        ttls: Any = None,
        ends: Callable[[Request], object] | None = None,
    ) -> None:
        """Gives requests to the engine; `ends` is called with each that ends."""
        watches = [Watch(self._meter, request, ends) for request in requests]
        for request, watch in zip(requests, watches, strict=True):
            request.listener = watch
        try:
            self._runner.submit(requests, lengths, priorities=priorities, ttls=ttls)
        except BaseException:
            for request, watch in zip(requests, watches, strict=True):
                watch.withdraw(request)
            raise

    def close(self) -> None:
        """Says that no more requests come."""
        self._runner.close()

    def forget(self) -> None:
        """Drops the records of batches, which would pile up in a long session."""
        self._runner.records.clear()

    def step(self) -> bool:
        """Takes one step, and returns false if the session is closed and nothing is left."""
        going = self._runner.step(None)
        self._interrupts.check()
        return going
