"""Ray Serve's ``@serve.batch``, as it works inside a replica, without a cluster."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Awaitable
from types import SimpleNamespace
from typing import Any

from ..subject import AsyncOnly, Function, Library, Options, eager


class Adapter(Library):
    distribution = "ray"

    async def make(self, function: Function, options: Options) -> Running:
        from ray import serve

        deployment = SimpleNamespace(max_ongoing_requests=10**6)
        serve.get_replica_context = lambda: SimpleNamespace(_deployment_config=deployment)

        async def process(items: list[str]) -> Any:
            return await asyncio.to_thread(function, items)

        wait = {} if options.max_wait is None else {"batch_wait_timeout_s": options.max_wait}
        return Running(serve.batch(max_batch_size=options.batch_size, **wait)(process))


@dataclasses.dataclass(frozen=True)
class Running(AsyncOnly):
    batcher: Any

    async def submit(self, item: str, *, urgent: bool = True) -> Awaitable[Any]:  # noqa: ARG002
        return await eager(self.batcher(item))

    async def aclose(self) -> None:
        """Does nothing: the batches of a replica end with it."""


SUBJECT = Adapter()
