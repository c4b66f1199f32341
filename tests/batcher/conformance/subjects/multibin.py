"""multibin's own batcher."""

from __future__ import annotations

import dataclasses
from collections.abc import Awaitable
from typing import Any

from ..subject import Function, Options


class Adapter:
    def version(self) -> str:
        import multibin

        return str(multibin.__version__)

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
        return Running(multibin.Batcher(function, batch_size=options.batch_size, **chosen))


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
