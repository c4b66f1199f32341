"""``async-batcher``: a class whose ``process_batch`` the user writes."""

from __future__ import annotations

import dataclasses
import importlib.metadata
from collections.abc import Awaitable
from typing import Any

from ..subject import Function, NotOffered, Options, eager


class Adapter:
    name = "async_batcher"
    environment = "async-batcher"

    def version(self) -> str:
        return importlib.metadata.version("async-batcher")

    async def open(self, function: Function, options: Options) -> Running:
        from async_batcher.batcher import AsyncBatcher

        if options.priorities:
            raise NotOffered("priorities")
        chosen: dict[str, Any] = {}
        if options.capacity is not None:
            chosen["max_queue_size"] = options.capacity
        if options.max_wait is not None:
            chosen["max_queue_time"] = options.max_wait
        kind = type("Batcher", (AsyncBatcher,), {"process_batch": run_by(function)})
        return Running(kind(max_batch_size=options.batch_size, **chosen))


def run_by(function: Function) -> Any:
    return lambda self, batch: function(batch)  # noqa: ARG005


@dataclasses.dataclass(frozen=True)
class Running:
    batcher: Any

    async def submit(self, item: str, *, urgent: bool = True) -> Awaitable[Any]:  # noqa: ARG002
        return await eager(self.batcher.process(item))

    def call(self, item: str) -> Any:
        raise NotOffered("calls from threads")

    async def aclose(self) -> None:
        await self.batcher.stop()


SUBJECT = Adapter()
