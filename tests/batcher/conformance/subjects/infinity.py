"""infinity's ``BatchHandler``, without its HTTP server."""

from __future__ import annotations

import dataclasses
from collections.abc import Awaitable
from typing import Any

from ..subject import AsyncOnly, Function, Library, Options, eager


class Adapter(Library):
    distribution = "infinity-emb"

    async def make(self, function: Function, options: Options) -> Running:
        from infinity_emb.inference.batch_handler import BatchHandler

        chosen: dict[str, Any] = {"max_batch_size": options.batch_size}
        if options.capacity is not None:
            chosen["max_queue_wait"] = options.capacity
        # Its threads sleep that long where more rows may come.
        if options.max_wait:
            chosen["batch_delay"] = options.max_wait
        handler: Any = BatchHandler([Embedder(function)], **chosen)
        await handler.spawn()
        return Running(handler)


@dataclasses.dataclass(frozen=True)
class Embedder:
    """A model as infinity wants it, whose forward pass is the function."""

    encode_core: Function
    capabilities = frozenset({"embed"})

    def encode_pre(self, items: Any) -> Any:
        return items

    def encode_post(self, outputs: Any) -> Any:
        return outputs


@dataclasses.dataclass(frozen=True)
class Running(AsyncOnly):
    handler: Any

    async def submit(self, item: str, *, urgent: bool = True) -> Awaitable[Any]:  # noqa: ARG002
        # Its HTTP server asks this first, and answers 429.
        if self.handler.is_overloaded():
            raise OverflowError("overloaded")
        return await eager(self.embed(item))

    async def embed(self, item: str) -> Any:
        return (await self.handler.embed([item]))[0][0]

    async def aclose(self) -> None:
        await self.handler.shutdown()


SUBJECT = Adapter()
