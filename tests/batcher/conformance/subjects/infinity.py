"""infinity's ``BatchHandler``, without its HTTP server."""

from __future__ import annotations

import dataclasses
import importlib.metadata
from collections.abc import Awaitable
from typing import Any

from ..subject import Function, NotOffered, Options, eager


class Adapter:
    name = "infinity"
    environment = "infinity-emb"

    def version(self) -> str:
        return importlib.metadata.version("infinity-emb")

    async def open(self, function: Function, options: Options) -> Running:
        from infinity_emb.inference.batch_handler import BatchHandler

        if options.priorities:
            raise NotOffered("priorities")
        chosen: dict[str, Any] = {"max_batch_size": options.batch_size}
        if options.capacity is not None:
            chosen["max_queue_wait"] = options.capacity
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
class Running:
    handler: Any

    async def submit(self, item: str, *, urgent: bool = True) -> Awaitable[Any]:  # noqa: ARG002
        # Its HTTP server asks this first, and answers 429.
        if self.handler.is_overloaded():
            raise OverflowError("overloaded")
        return await eager(self.embed(item))

    async def embed(self, item: str) -> Any:
        return (await self.handler.embed([item]))[0][0]

    def call(self, item: str) -> Any:
        raise NotOffered("calls from threads")

    async def aclose(self) -> None:
        await self.handler.shutdown()


SUBJECT = Adapter()
