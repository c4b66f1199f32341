"""What people write by hand: a queue, a worker, and a future for each item."""

from __future__ import annotations

import asyncio
import queue
import threading
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import Future
from typing import Generic, TypeVar

__all__ = ["BareQueue", "ForLoop", "FunctionQueue", "WithFutures", "WithReplies"]

T = TypeVar("T")
R = TypeVar("R")
Answered = tuple["asyncio.Future[R]", R]


def drain(waiting: queue.SimpleQueue[T | None], batch_size: int) -> list[T]:
    """Waits for one item and takes what else waits; empty when the queue has ended."""
    batch: list[T] = []
    item = waiting.get()
    while item is not None:
        batch.append(item)
        if len(batch) == batch_size or waiting.empty():
            return batch
        item = waiting.get()
    waiting.put(None)
    return batch


class BareQueue:
    """Passes futures alone through an `asyncio.Queue`, and calls no function."""

    def __init__(self, batch_size: int) -> None:
        self.batch_size = batch_size
        self.queue: asyncio.Queue[asyncio.Future[int]] = asyncio.Queue()
        self.create_future = asyncio.get_running_loop().create_future
        self.task = asyncio.create_task(self.serve())

    async def serve(self) -> None:
        while True:
            batch = [await self.queue.get()]
            while len(batch) < self.batch_size and not self.queue.empty():
                batch.append(self.queue.get_nowait())
            for future in batch:
                future.set_result(0)

    async def ask(self, _: int) -> int:
        future: asyncio.Future[int] = self.create_future()
        self.queue.put_nowait(future)
        return await future


class FunctionQueue(Generic[T, R]):
    """Batches an async function with an `asyncio.Queue` and one task."""

    def __init__(
        self, function: Callable[[list[T]], Awaitable[Sequence[R]]], batch_size: int
    ) -> None:
        self.function, self.batch_size = function, batch_size
        self.queue: asyncio.Queue[tuple[T, asyncio.Future[R]]] = asyncio.Queue()
        self.create_future = asyncio.get_running_loop().create_future
        self.task = asyncio.create_task(self.serve())

    async def serve(self) -> None:
        while True:
            batch = [await self.queue.get()]
            while len(batch) < self.batch_size and not self.queue.empty():
                batch.append(self.queue.get_nowait())
            results = await self.function([item for item, _ in batch])
            for (_, future), result in zip(batch, results, strict=True):
                if not future.done():
                    future.set_result(result)

    async def ask(self, item: T) -> R:
        future: asyncio.Future[R] = self.create_future()
        self.queue.put_nowait((item, future))
        return await future


class WithFutures(Generic[T, R]):
    """A `SimpleQueue`, a thread, and a `concurrent.futures.Future` for each item."""

    def __init__(self, function: Callable[[list[T]], Sequence[R]], batch_size: int) -> None:
        self.function, self.batch_size = function, batch_size
        self.queue: queue.SimpleQueue[tuple[T, Future[R]] | None] = queue.SimpleQueue()
        self.thread = threading.Thread(target=self.serve)
        self.thread.start()

    def serve(self) -> None:
        while batch := drain(self.queue, self.batch_size):
            results = self.function([item for item, _ in batch])
            for (_, future), result in zip(batch, results, strict=True):
                future.set_result(result)

    def submit(self, item: T) -> Future[R]:
        future: Future[R] = Future()
        self.queue.put((item, future))
        return future

    def close(self) -> None:
        self.queue.put(None)
        self.thread.join()


class WithReplies(Generic[T, R]):
    """A `SimpleQueue`, a thread, and for each calling thread a `SimpleQueue` for its replies."""

    def __init__(self, function: Callable[[list[T]], Sequence[R]], batch_size: int) -> None:
        self.function, self.batch_size = function, batch_size
        self.queue: queue.SimpleQueue[tuple[T, queue.SimpleQueue[R]] | None]
        self.queue = queue.SimpleQueue()
        self.local = threading.local()
        self.thread = threading.Thread(target=self.serve)
        self.thread.start()

    def serve(self) -> None:
        while batch := drain(self.queue, self.batch_size):
            results = self.function([item for item, _ in batch])
            for (_, reply), result in zip(batch, results, strict=True):
                reply.put(result)

    def ask(self, item: T) -> R:
        try:
            reply: queue.SimpleQueue[R] = self.local.reply
        except AttributeError:
            reply = self.local.reply = queue.SimpleQueue()
        self.queue.put((item, reply))
        return reply.get()

    def close(self) -> None:
        self.queue.put(None)
        self.thread.join()


class ForLoop(Generic[T, R]):
    """A `SimpleQueue` and a thread that wakes the event loop once for each batch."""

    def __init__(self, function: Callable[[list[T]], Sequence[R]], batch_size: int) -> None:
        self.function, self.batch_size = function, batch_size
        self.queue: queue.SimpleQueue[tuple[T, asyncio.Future[R]] | None] = queue.SimpleQueue()
        self.loop = asyncio.get_running_loop()
        self.thread = threading.Thread(target=self.serve)
        self.thread.start()

    def serve(self) -> None:
        while batch := drain(self.queue, self.batch_size):
            results = self.function([item for item, _ in batch])
            futures = [future for _, future in batch]
            self.loop.call_soon_threadsafe(answer, [*zip(futures, results, strict=True)])

    async def ask(self, item: T) -> R:
        future: asyncio.Future[R] = self.loop.create_future()
        self.queue.put((item, future))
        return await future

    def close(self) -> None:
        self.queue.put(None)
        self.thread.join()


def answer(answers: list[Answered[R]]) -> None:
    """Gives each future its result, in the thread of the loop."""
    for future, result in answers:
        if not future.done():
            future.set_result(result)
