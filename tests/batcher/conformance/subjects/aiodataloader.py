"""``aiodataloader``: batches what one turn of the event loop asks for."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Awaitable
from typing import Any

from ..subject import AsyncOnly, Function, Library, Options, eager


class Adapter(Library):
    distribution = "aiodataloader"

    async def make(self, function: Function, options: Options) -> Running:
        from aiodataloader import DataLoader

        one = asyncio.Lock()

        async def load(items: list[str]) -> Any:
            # The model runs one batch at a time.
            async with one:
                return await asyncio.to_thread(function, items)

        return Running(DataLoader(load, max_batch_size=options.batch_size))


@dataclasses.dataclass(frozen=True)
class Running(AsyncOnly):
    batcher: Any

    async def submit(self, item: str, *, urgent: bool = True) -> Awaitable[Any]:  # noqa: ARG002
        return await eager(self.batcher.load(item))

    async def aclose(self) -> None:
        """Does nothing: the library has no call for it."""


SUBJECT = Adapter()
