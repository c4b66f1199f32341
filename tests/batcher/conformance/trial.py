"""One run of one check: the batcher, the function under it, and what callers get."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .model import Model
from .subject import Options, Running, Subject


class Hung(AssertionError):
    """A caller got neither an answer nor an error in time."""


@dataclass(frozen=True)
class Raised:
    """What a caller gets in which an error was raised."""

    error: BaseException


@dataclass(frozen=True)
class Trial:
    """What a check gets."""

    subject: Subject
    folder: Path
    # How many seconds a caller that should be answered at once may wait on a busy machine.
    patience: float

    def model(self, seconds: float = 0.0) -> Model:
        return Model(self.folder, seconds)

    async def open(self, model: Model, **options: Any) -> Running:
        return await self.subject.open(model, Options(**options))

    async def call(self, batcher: Running, item: str, *, urgent: bool = True) -> Any:
        """Returns what a caller gets: the answer, or ``Raised``."""
        try:
            return await (await batcher.submit(item, urgent=urgent))
        except asyncio.CancelledError:
            raise
        except BaseException as error:
            return Raised(error)

    async def outcome(self, call: Awaitable[Any]) -> Any:
        """Waits for a call of this trial; raises ``Hung`` if the caller is left waiting."""
        return (await self.outcomes([call]))[0]

    async def outcomes(self, calls: Iterable[Awaitable[Any]]) -> list[Any]:
        tasks = [asyncio.ensure_future(call) for call in calls]
        _, pending = await asyncio.wait(tasks, timeout=self.patience)
        if pending:
            raise Hung(f"{len(pending)} of {len(tasks)} callers are left waiting")
        cancelled = Raised(asyncio.CancelledError())
        return [cancelled if task.cancelled() else task.result() for task in tasks]

    async def until(self, condition: Callable[[], bool], what: str) -> None:
        """Waits until something is so; the event loop runs meanwhile."""
        end = time.monotonic() + self.patience
        while not condition():
            assert time.monotonic() < end, f"{what}: not within {self.patience} seconds"
            await asyncio.sleep(0.002)

    async def hold(self, batcher: Running, model: Model, item: str = "hold 0") -> asyncio.Task[Any]:
        """Keeps the function busy with one item; ``model.release(item)`` lets it go on."""
        task = asyncio.create_task(self.call(batcher, item))
        await self.until(lambda: item in model.computed(), f"the call with {item!r} begins")
        return task

    async def queue(
        self, batcher: Running, items: Iterable[str], *, urgent: bool = True
    ) -> list[asyncio.Task[Any]]:
        """Submits items in order, each by its own caller, and lets the loop run for a while."""
        tasks = [asyncio.create_task(self.call(batcher, item, urgent=urgent)) for item in items]
        await asyncio.sleep(0.05)
        return tasks


def answered(items: Iterable[str]) -> list[str]:
    """Returns the right answers to items."""
    return [item.upper() for item in items]


def refused(outcome: Any) -> bool:
    """Returns true if an error was raised in a caller."""
    return isinstance(outcome, Raised)
