"""``async-batcher``: a class whose ``process_batch`` the user writes."""

from __future__ import annotations

import dataclasses
from collections.abc import Awaitable
from typing import Any

from ..subject import AsyncOnly, Function, Library, Options, eager


class Adapter(Library):
    distribution = "async-batcher"

    async def make(self, function: Function, options: Options) -> Running:
        from async_batcher.batcher import AsyncBatcher

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
class Running(AsyncOnly):
    batcher: Any

    async def submit(self, item: str, *, urgent: bool = True) -> Awaitable[Any]:  # noqa: ARG002
        return await eager(self.batcher.process(item))

    async def aclose(self) -> None:
        await self.batcher.stop()


SUBJECT = Adapter()
