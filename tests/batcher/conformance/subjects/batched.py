"""``batched.dynamically``: a thread and a priority queue."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Awaitable
from typing import Any

from ..subject import Function, Library, Options, eager


class Adapter(Library):
    distribution = "batched"
    offers_priorities = True

    async def make(self, function: Function, options: Options) -> Running:
        import batched

        wait = {} if options.max_wait is None else {"timeout_ms": 1000 * options.max_wait}
        make = batched.dynamically(batch_size=options.batch_size, small_batch_threshold=1, **wait)
        return Running(make(function))


@dataclasses.dataclass(frozen=True)
class Running:
    batcher: Any

    async def submit(self, item: str, *, urgent: bool = True) -> Awaitable[Any]:
        # What is asked for together has a lower priority, if it is more than the threshold.
        call = self.batcher.acall(item) if urgent else self.both(item)
        return await eager(call)

    async def both(self, item: str) -> Any:
        return (await self.batcher.acall([item, item]))[0]

    def call(self, item: str) -> Any:
        return self.batcher(item)

    async def aclose(self) -> None:
        await asyncio.to_thread(self.batcher.shutdown)


SUBJECT = Adapter()
