"""``flyte.extras.DynamicBatcher``: an aggregation and a processing loop."""

from __future__ import annotations

import asyncio
import dataclasses
import importlib.metadata
from collections.abc import Awaitable
from typing import Any

from ..subject import Function, NotOffered, Options


class Adapter:
    name = "flyte"
    environment = "flyte"

    def version(self) -> str:
        return importlib.metadata.version("flyte")

    async def open(self, function: Function, options: Options) -> Running:
        from flyte.extras import DynamicBatcher

        if options.priorities:
            raise NotOffered("priorities")

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
class Running:
    batcher: Any

    async def submit(self, item: str, *, urgent: bool = True) -> Awaitable[Any]:  # noqa: ARG002
        future: Awaitable[Any] = await self.batcher.submit(item)
        return future

    def call(self, item: str) -> Any:
        raise NotOffered("calls from threads")

    async def aclose(self) -> None:
        await self.batcher.stop()


SUBJECT = Adapter()
