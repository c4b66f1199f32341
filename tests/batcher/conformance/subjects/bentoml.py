"""BentoML's dispatcher of adaptive batches, without its HTTP server."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Awaitable
from typing import Any

from ..subject import AsyncOnly, Function, Library, Options, eager

# It cancels requests that it expects to take longer. How long a batch waits for rows it learns.
MAX_LATENCY_MS = 60_000


class Adapter(Library):
    distribution = "bentoml"

    async def make(self, function: Function, options: Options) -> Running:
        from bentoml._internal.marshal.dispatcher import CorkDispatcher

        dispatcher: Any = CorkDispatcher(
            max_latency_in_ms=MAX_LATENCY_MS,
            max_batch_size=options.batch_size,
            fallback=lambda: None,
            get_batch_size=lambda _: 1,
        )

        async def process(items: Any) -> Any:
            return await asyncio.to_thread(function, list(items))

        running = Running(dispatcher, dispatcher(process))
        # It runs its first requests one at a time, to learn what they take.
        await asyncio.gather(*(running.ask(f"warm {number}") for number in range(20)))
        return running


@dataclasses.dataclass(frozen=True)
class Running(AsyncOnly):
    dispatcher: Any
    ask: Any

    async def submit(self, item: str, *, urgent: bool = True) -> Awaitable[Any]:  # noqa: ARG002
        return await eager(self.ask(item))

    async def aclose(self) -> None:
        self.dispatcher.shutdown()


SUBJECT = Adapter()
