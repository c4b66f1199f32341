"""``batched.aio.dynamically``: a task of the event loop."""

from __future__ import annotations

import dataclasses
from collections.abc import Awaitable
from typing import Any

from ..subject import AsyncOnly, Function, Library, Options, eager


class Adapter(Library):
    distribution = "batched"
    offers_priorities = True

    async def make(self, function: Function, options: Options) -> Running:
        from batched import aio
        from batched.types import PriorityStrategy

        chosen: dict[str, Any] = {"small_batch_threshold": 1}
        if options.max_wait is not None:
            chosen["timeout_ms"] = 1000 * options.max_wait
        if options.priorities:
            chosen["priority_strategy"] = PriorityStrategy.PRIORITY
        return Running(aio.dynamically(batch_size=options.batch_size, **chosen)(function))


@dataclasses.dataclass(frozen=True)
class Running(AsyncOnly):
    batcher: Any

    async def submit(self, item: str, *, urgent: bool = True) -> Awaitable[Any]:
        return await eager(self.batcher(item) if urgent else self.both(item))

    async def both(self, item: str) -> Any:
        return (await self.batcher([item, item]))[0]

    async def aclose(self) -> None:
        """Does nothing: the library has no call for it."""


SUBJECT = Adapter()
