"""A runner without a model: each request gets the tokens of its own prompt, again and again."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Any

from multibin.errors import ClosedError
from multibin.llm._engine.request import Request
from multibin.llm._outputs import BatchRecord
from multibin.llm._stats import ADDED


class EchoRunner:
    """Keeps the contract of a runner; a step gives each of the first `rows` requests a token.

    Attributes:
        gate: a step with rows waits for it.
        before: called before each step, in the thread that steps.
        broken: keys of requests that fail at their first token.
    """

    def __init__(self, rows: int = 4) -> None:
        self.rows = rows
        self.gate = threading.Event()
        self.gate.set()
        self.before: Callable[[], object] = lambda: None
        self.broken: set[int] = set()
        self.steps = 0
        self.most = 0
        self.order: list[int] = []
        self.inside = False
        self.records: list[BatchRecord] = []
        self._changed = threading.Condition()
        self._waiting: list[Request] = []
        self._running: list[Request] = []
        self._cancelled: list[Request] = []
        self._expired: set[int] = set()
        self._closed = False

    def __enter__(self) -> EchoRunner:
        self.inside = True
        return self

    def __exit__(self, *_: object) -> None:
        for request in [*self._running, *self._waiting]:
            self._end(request, "abort")
        self._running, self._waiting = [], []
        self.inside = False

    def makes(self) -> Callable[..., EchoRunner]:
        """Returns what replaces the method by which an engine makes its runners."""

        def make(engine: Any, *_: object, **__: object) -> EchoRunner:
            engine._totals.begin(self)
            return self

        return make

    @property
    def unfinished(self) -> int:
        """Returns the requests that wait or run."""
        return len(self._running) + len(self._waiting)

    def submit(
        self, requests: Sequence[Request], lengths: Any, *, priorities: Any = None, ttls: Any = None
    ) -> None:
        """Accepts requests; a ttl of 0 is over at once."""
        assert len(lengths) == len(requests)
        assert priorities is None or len(priorities) == len(requests)
        with self._changed:
            if self._closed:
                raise ClosedError("the runner is closed")
            if ttls is not None:
                pairs = zip(requests, ttls, strict=True)
                self._expired |= {request.key for request, ttl in pairs if ttl == 0}
            self._waiting += requests
            self._changed.notify()

    def cancel(self, request: Request) -> None:
        """Ends a request: at once if it waits, else at the next step."""
        with self._changed:
            waits = request in self._waiting
            if waits:
                self._waiting.remove(request)
            else:
                self._cancelled.append(request)
        if waits:
            self._end(request, "abort")

    def close(self) -> None:
        """Accepts no more requests."""
        with self._changed:
            self._closed = True
            self._changed.notify()

    def stats(self) -> dict[str, Any]:
        """Returns a few of the core's numbers."""
        rows = len(self._running)
        classes = [{"capacity": 64, "slots": self.rows, "rows": rows, "bytes": 4096}]
        return dict.fromkeys(ADDED, 0) | {
            "classes": classes,
            "rows_running": rows,
            "steps": self.steps,
        }

    def step(self, timeout: float | None = None) -> bool:
        """Gives each row a token, or waits for requests."""
        assert self.inside
        with self._changed:
            self._changed.wait_for(lambda: self._closed or self.unfinished, timeout)
            self._admit()
            rows = list(self._running)
        if rows:
            self.gate.wait()
        self.before()
        self._obey()
        for request in list(self._running):
            self._feed(request)
        self.steps += bool(rows)
        return not self._closed or bool(self.unfinished)

    def _admit(self) -> None:
        for request in [one for one in self._waiting if one.key in self._expired]:
            self._waiting.remove(request)
            self._end(request, "expired")
        while self._waiting and len(self._running) < self.rows:
            self._running.append(self._waiting.pop(0))
            self.order.append(self._running[-1].key)
        self.most = max(self.most, self.unfinished)

    def _obey(self) -> None:
        while self._cancelled:
            request = self._cancelled.pop()
            if request in self._running:
                self._running.remove(request)
                self._end(request, "abort")

    def _feed(self, request: Request) -> None:
        if request.key in self.broken:
            request.error = ArithmeticError(f"request {request.key} is broken")
            self._running.remove(request)
            self._end(request, "error")
            return
        prompt = request.prompt_tokens
        last = request.push(prompt[len(request.tokens) % len(prompt)])
        if last:
            self._running.remove(request)
        if request.listener is not None:
            request.listener(request)

    def _end(self, request: Request, reason: Any) -> None:
        request.finish_reason = reason
        if request.listener is not None:
            request.listener(request)
