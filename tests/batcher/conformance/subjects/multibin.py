"""multibin's own batcher."""

from __future__ import annotations

import asyncio
import dataclasses
import tomllib
from collections.abc import Awaitable, Sequence
from pathlib import Path
from typing import Any

from ..subject import Function, Options

ROOT = Path(__file__).parents[4]


@dataclasses.dataclass(frozen=True)
class Adapter:
    """Drives multibin; ``variant`` says how the function is given."""

    variant: str = ""

    def of(self, variant: str) -> Adapter:
        return Adapter(variant)

    def version(self) -> str:
        return str(
            tomllib.loads((ROOT / "Cargo.toml").read_text())["workspace"]["package"]["version"]
        )

    async def open(self, function: Function, options: Options) -> Running:
        import multibin

        chosen: dict[str, Any] = {"isolate": options.isolate}
        for name in ("capacity", "max_wait", "worker_timeout"):
            if getattr(options, name) is not None:
                chosen[name] = getattr(options, name)
        if options.all_rows:
            chosen["costs"] = None
        if options.lengths:
            chosen["length"] = len
        if options.priorities:
            chosen["ageing"] = 0.01
        given = VARIANTS[self.variant](function)
        return Running(multibin.Batcher(given, batch_size=options.batch_size, **chosen))


def coroutine(function: Function) -> Any:
    async def call(items: Sequence[str]) -> Any:
        return await asyncio.to_thread(function, items)

    return call


# By name: a plain function, a coroutine function, a list of one call object.
VARIANTS: dict[str, Any] = {
    "": lambda function: function,
    "async": coroutine,
    "list": lambda function: [function],
}


@dataclasses.dataclass(frozen=True)
class Running:
    batcher: Any

    async def submit(self, item: str, *, urgent: bool = True) -> Awaitable[Any]:
        priority = {} if urgent else {"priority": 1}
        future: Awaitable[Any] = self.batcher.submit(item, **priority)
        return future

    def call(self, item: str) -> Any:
        return self.batcher.submit(item).result()

    async def aclose(self) -> None:
        await self.batcher.aclose()


SUBJECT = Adapter()
