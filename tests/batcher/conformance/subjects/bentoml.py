"""BentoML's dispatcher of adaptive batches, without its HTTP server."""

from __future__ import annotations

import asyncio
import dataclasses
import importlib.metadata
from collections.abc import Awaitable
from typing import Any

from ..subject import Function, NotOffered, Options, eager

# Its default is 10 s; the dispatcher cancels requests that it expects to take longer.
MAX_LATENCY_MS = 60_000


class Adapter:
    name = "bentoml"
    environment = "bentoml"

    def version(self) -> str:
        return importlib.metadata.version("bentoml")

    async def open(self, function: Function, options: Options) -> Running:
        from bentoml._internal.marshal.dispatcher import CorkDispatcher

        if options.priorities:
            raise NotOffered("priorities")
        wait = MAX_LATENCY_MS if options.max_wait is None else max(1, 1000 * options.max_wait)
        dispatcher: Any = CorkDispatcher(
            max_latency_in_ms=int(MAX_LATENCY_MS if wait < 1000 else wait),
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
class Running:
    dispatcher: Any
    ask: Any

    async def submit(self, item: str, *, urgent: bool = True) -> Awaitable[Any]:  # noqa: ARG002
        return await eager(self.ask(item))

    def call(self, item: str) -> Any:
        raise NotOffered("calls from threads")

    async def aclose(self) -> None:
        self.dispatcher.shutdown()


SUBJECT = Adapter()
