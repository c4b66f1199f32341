"""An inbox whose batches a test serves, for several tests."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any, Literal

import multibin as mb
from multibin._core import Inbox, Limit, Rows

SOON = 20
"""Seconds: a longer wait has lost its wake-up."""


def same(item: Any) -> Any:
    return item


class Served:
    """Keeps an inbox with its scheduler, and serves batches when the test asks for it."""

    def __init__(
        self, capacity: int = 100, max_cost: int | None = None, batch_size: int = 8, **options: Any
    ) -> None:
        overrun: Literal["climb", "finish"] = "climb" if options.pop("climb", False) else "finish"
        edges = mb.Edges([0, 16, 64])
        self.scheduler = mb.Scheduler(edges, batch_size, overrun=overrun, ageing=2, capacity=1000)
        self.limit = Limit(capacity, max_cost)
        options.setdefault("length", len)
        self.inbox = Inbox(self.scheduler, self.limit, **options)
        self.worker = self.scheduler.worker()
        # Type checkers know the futures of asyncio and of concurrent.futures alone.
        self.submit: Callable[..., Any] = self.inbox.submit
        self.call: Callable[..., Any] = self.inbox.call

    def batch(self) -> mb.Batch:
        return self.worker.next_batch(SOON)

    def take(self) -> Rows:
        """Takes a batch; its lease is over at once."""
        with self.batch() as batch:
            return self.inbox.take(batch)

    def serve(self, function: Callable[[Any], Any] = same) -> None:
        """Answers the next batch with what the function returns for each item."""
        rows = self.take()
        assert rows.answer([function(item) for item in rows.items]) == []

    def serve_soon(self, function: Callable[[Any], Any] = same) -> threading.Thread:
        """Serves a batch from a thread, once the caller had time to wait."""
        timer = threading.Timer(0.05, self.serve, [function])
        timer.start()
        return timer

    def waiting(self) -> int:
        return self.scheduler.stats()["waiting"]
