"""``aiodataloader``: batches what one turn of the event loop asks for."""

from __future__ import annotations

import asyncio
import dataclasses
import importlib.metadata
from collections.abc import Awaitable
from typing import Any

from ..subject import Function, NotOffered, Options, eager


class Adapter:
    name = "aiodataloader"
    environment = "aiodataloader"

    def version(self) -> str:
        return importlib.metadata.version("aiodataloader")

    async def open(self, function: Function, options: Options) -> Running:
        from aiodataloader import DataLoader

        if options.priorities:
            raise NotOffered("priorities")
        one = asyncio.Lock()

        async def load(items: list[str]) -> Any:
            # The model runs one batch at a time.
            async with one:
                return await asyncio.to_thread(function, items)

        return Running(DataLoader(load, max_batch_size=options.batch_size))


@dataclasses.dataclass(frozen=True)
class Running:
    batcher: Any

    async def submit(self, item: str, *, urgent: bool = True) -> Awaitable[Any]:  # noqa: ARG002
        return await eager(self.batcher.load(item))

    def call(self, item: str) -> Any:
        raise NotOffered("calls from threads")

    async def aclose(self) -> None:
        """Does nothing: the library has no call for it."""


SUBJECT = Adapter()
