"""``razors-edge-batching-scheduler``: the function runs in a process that it starts."""

from __future__ import annotations

import asyncio
import dataclasses
import importlib
import os
from collections.abc import Awaitable
from typing import Any, cast

from ..model import Model
from ..subject import Function, Library, Options, eager


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
        return Running(executor, task)


@dataclasses.dataclass(frozen=True)
class Running:
    executor: Any
    task: Any

    async def submit(self, item: str, *, urgent: bool = True) -> Awaitable[Any]:  # noqa: ARG002
        # A call waits for room itself, and does not say when it got it.
        while self.executor._async_limit_semaphore.locked():
            await asyncio.sleep(0.005)
        return await eager(self.executor.async_compute_fn(self.task, item))

    def call(self, item: str) -> Any:
        return self.executor.sync_compute_fn(self.task, item)

    async def aclose(self) -> None:
        """Does nothing: the library has no call for it."""


SUBJECT = Adapter()
