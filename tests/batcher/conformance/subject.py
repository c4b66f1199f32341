"""What a batcher must offer so that the checks can drive it."""

from __future__ import annotations

import asyncio
import importlib.metadata
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

Function = Callable[[Sequence[str]], list[Any]]


class NotOffered(Exception):
    """Says that a library has no such option or call: the check does not apply to it."""


@dataclass(frozen=True)
class Options:
    """What a check asks for; ``None`` leaves the library's own default."""

    batch_size: int = 8
    capacity: int | None = None
    # Seconds that a batch may wait for more rows.
    max_wait: float | None = None
    # Seconds after which a call of the function counts as hung.
    worker_timeout: float | None = None
    # A bad item fails alone.
    isolate: bool = False
    # Requests have priorities: ``urgent`` ones pass others.
    priorities: bool = False
    # A batch takes every row that waits: what the batcher learns about costs is switched off.
    all_rows: bool = False
    # Requests arrive in the order in which their callers ask.
    ordered: bool = False
    # The length of an item is that of its text, and batches may be cut by it.
    lengths: bool = False


class Running(Protocol):
    """A batcher that runs."""

    async def submit(self, item: str, *, urgent: bool = True) -> Awaitable[Any]:
        """Returns an awaitable of the answer once the item is accepted; raises if refused."""
        ...

    def call(self, item: str) -> Any:
        """Blocks the calling thread until there is an answer."""
        ...

    async def aclose(self) -> None:
        """Ends the batcher as its documentation says."""
        ...


class Subject(Protocol):
    """A kind of batcher."""

    async def open(self, function: Function, options: Options) -> Running:
        """Makes a batcher of a function of many items, in the running event loop."""
        ...

    def version(self) -> str:
        """Returns the version of the library."""
        ...


class Library:
    """What the adapters of libraries share."""

    # Of the package, and of its virtual environment in the folder that the variable PEERS names.
    distribution: str
    offers_priorities = False
    keeps_order = True

    def version(self) -> str:
        return importlib.metadata.version(self.distribution)

    async def open(self, function: Function, options: Options) -> Running:
        """Refuses what the library has no option for, where a check makes no sense without it."""
        if options.priorities and not self.offers_priorities:
            raise NotOffered("priorities")
        if options.ordered and not self.keeps_order:
            raise NotOffered("an order of arrival")
        return await self.make(function, options)

    async def make(self, function: Function, options: Options) -> Running:
        raise NotImplementedError


class AsyncOnly:
    """Says that threads cannot call."""

    def call(self, item: str) -> Any:
        raise NotOffered(f"calls from threads, such as that with {item!r}")


async def eager(call: Awaitable[Any]) -> Awaitable[Any]:
    """Starts a call that accepts and answers in one step; raises if it is refused at once."""
    task = asyncio.ensure_future(call)
    for _ in range(3):
        if not task.done():
            await asyncio.sleep(0)
    if task.done() and not task.cancelled() and task.exception() is not None:
        await task
    return task
