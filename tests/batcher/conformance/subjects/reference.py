"""A correct batcher in plain Python, with one fault for each check that can be switched on."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Awaitable
from typing import Any

from ..reference import Batcher
from ..subject import Function, Options


@dataclasses.dataclass(frozen=True)
class Adapter:
    """Drives the reference; ``fault`` names the check that it fails."""

    fault: str = ""

    def of(self, fault: str) -> Adapter:
        return Adapter(fault)

    def version(self) -> str:
        return ""

    async def open(self, function: Function, options: Options) -> Running:
        return Running(Batcher(function, options, self.fault), self.fault)


@dataclasses.dataclass(frozen=True)
class Running:
    batcher: Batcher
    fault: str

    async def submit(self, item: str, *, urgent: bool = True) -> Awaitable[Any]:
        future = self.batcher.submit(item, urgent=urgent)
        if self.fault == "deadline":
            return or_nothing(asyncio.wrap_future(future))
        return asyncio.wrap_future(future)

    def call(self, item: str) -> Any:
        return self.batcher.submit(item).result()

    async def aclose(self) -> None:
        await asyncio.to_thread(self.batcher.close)


async def or_nothing(future: asyncio.Future[Any]) -> Any:
    """Swallows cancellation, as a fault."""
    try:
        return await future
    except asyncio.CancelledError:
        return None


SUBJECT = Adapter()
