"""``razors-edge-batching-scheduler``: the function runs in a process that it starts."""

from __future__ import annotations

import asyncio
import dataclasses
import importlib
import os
from collections.abc import Awaitable
from typing import Any, cast

from ..model import Model
from ..subject import Function, Library, Options


class Adapter(Library):
    distribution = "razors-edge-batching-scheduler"

    async def make(self, function: Function, options: Options) -> Running:
        from batching_executor.process_manager import ComputeExecutor

        model = cast(Model, function)
        os.environ |= {"MODEL_FOLDER": str(model.folder), "MODEL_SECONDS": str(model.seconds)}
        os.environ["MODEL_ROWS"] = str(options.batch_size)
        task = importlib.import_module(f"{__package__}._razors_edge_task").Task
        limit = 10**6 if options.capacity is None else options.capacity
        executor: Any = await asyncio.to_thread(ComputeExecutor, [task], async_limit=limit)
        # It compiles its program during the first call.
        await executor.async_compute_fn(task, "warm 0")
        return Running(executor, task, noted(executor))


def noted(executor: Any) -> set[str]:
    """Returns a set that will hold the items that got room: a call waits for room itself."""
    accepted: set[str] = set()
    submit = executor.send_pool.submit

    def send(call: Any, data: Any) -> Any:
        accepted.add(data[1][2])
        return submit(call, data)

    executor.send_pool.submit = send
    return accepted


@dataclasses.dataclass(frozen=True)
class Running:
    executor: Any
    task: Any
    accepted: set[str]

    async def submit(self, item: str, *, urgent: bool = True) -> Awaitable[Any]:  # noqa: ARG002
        call = asyncio.ensure_future(self.executor.async_compute_fn(self.task, item))
        try:
            while item not in self.accepted and not call.done():
                await asyncio.sleep(0.002)
        except asyncio.CancelledError:
            call.cancel()
            raise
        return call

    def call(self, item: str) -> Any:
        return self.executor.sync_compute_fn(self.task, item)

    async def aclose(self) -> None:
        """Does nothing: the library has no call for it."""


SUBJECT = Adapter()
