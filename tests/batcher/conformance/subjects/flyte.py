"""``flyte.extras.DynamicBatcher``: an aggregation and a processing loop."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Awaitable
from typing import Any

from ..subject import AsyncOnly, Function, Library, Options


class Adapter(Library):
    distribution = "flyte"

    async def make(self, function: Function, options: Options) -> Running:
        from flyte.extras import DynamicBatcher

        async def process(items: list[str]) -> Any:
            return await asyncio.to_thread(function, items)

        chosen: dict[str, Any] = {"max_batch_size": options.batch_size}
        if options.capacity is not None:
            chosen["max_queue_size"] = options.capacity
        if options.max_wait is not None:
            chosen["batch_timeout_s"] = options.max_wait
        batcher: Any = DynamicBatcher(process, **chosen)
        await batcher.start()
        return Running(batcher)


@dataclasses.dataclass(frozen=True)
class Running(AsyncOnly):
    batcher: Any

    async def submit(self, item: str, *, urgent: bool = True) -> Awaitable[Any]:  # noqa: ARG002
        future: Awaitable[Any] = await self.batcher.submit(item)
        return future

    async def aclose(self) -> None:
        await self.batcher.stop()


SUBJECT = Adapter()
