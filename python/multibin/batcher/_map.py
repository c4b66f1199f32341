"""Many items in the caller's order, bounded in flight."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import AsyncIterable, AsyncIterator, Generator, Iterable, Iterator
from typing import TYPE_CHECKING, Any, Generic, NoReturn, TypeVar

from multibin.errors import ClosedError, FullError

if TYPE_CHECKING:
    from multibin.batcher._batcher import Batcher
    from multibin.batcher._future import Future

__all__ = ["amap", "map_in_order"]

T = TypeVar("T")
R = TypeVar("R")

PAUSE = 0.01
"""Seconds to wait for room that others hold, where none of the call's own items waits."""


class Refused:
    """Stands for an item that was not submitted, as its length or key raised."""

    def __init__(self, error: Exception) -> None:
        self._error = error

    def result(self) -> NoReturn:
        raise self._error

    def __await__(self) -> Generator[Any, Any, NoReturn]:
        yield from ()
        raise self._error

    def done(self) -> bool:
        return True

    def cancel(self) -> bool:
        return False


class InFlight(Generic[T, R]):
    """The items of one call that have no result yet, first in first out."""

    def __init__(self, batcher: Batcher[T, R], window: int) -> None:
        self._batcher, self._window = batcher, window
        self._futures: deque[Future[R] | Refused] = deque()

    def __len__(self) -> int:
        return len(self._futures)

    @property
    def full(self) -> bool:
        return len(self._futures) >= self._window

    def add(self, item: T) -> bool:
        """Submits an item, or returns false if there is no room."""
        try:
            self._futures.append(self._batcher(item))
        except FullError:
            return False
        except ClosedError:
            raise
        except Exception as error:
            self._futures.append(Refused(error))
        return True

    def next(self) -> Future[R] | Refused:
        return self._futures.popleft()

    @property
    def first_is_done(self) -> bool:
        return bool(self._futures) and self._futures[0].done()

    def cancel(self) -> None:
        """Gives up what is in flight: the caller went away. A forked child has none of it."""
        while self._futures and not self._batcher._runtime.forked:
            self._futures.popleft().cancel()


def map_in_order(
    batcher: Batcher[T, R], items: Iterable[T], window: int, return_exceptions: bool
) -> Iterator[Any]:
    """Yields the result of each item; waits in a thread."""
    flight: InFlight[T, R] = InFlight(batcher, window)
    try:
        for item in items:
            while flight.full or not flight.add(item):
                if len(flight):
                    yield _result(flight.next(), return_exceptions)
                else:
                    time.sleep(PAUSE)
            while flight.first_is_done:
                yield _result(flight.next(), return_exceptions)
        while len(flight):
            yield _result(flight.next(), return_exceptions)
    finally:
        flight.cancel()


def _result(future: Future[R] | Refused, return_exceptions: bool) -> R | Exception:
    try:
        return future.result()
    except Exception as error:
        if not return_exceptions:
            raise
        return error


async def amap(
    batcher: Batcher[T, R],
    items: Iterable[T] | AsyncIterable[T],
    window: int,
    return_exceptions: bool,
) -> AsyncIterator[Any]:
    """Yields the result of each item; waits in a task."""
    flight: InFlight[T, R] = InFlight(batcher, window)
    try:
        async for item in _each(items):
            while flight.full or not flight.add(item):
                if len(flight):
                    yield await _awaited(flight.next(), return_exceptions)
                else:
                    await asyncio.sleep(PAUSE)
            while flight.first_is_done:
                yield await _awaited(flight.next(), return_exceptions)
        while len(flight):
            yield await _awaited(flight.next(), return_exceptions)
    finally:
        flight.cancel()


async def _awaited(future: Future[R] | Refused, return_exceptions: bool) -> R | Exception:
    try:
        return await future
    except Exception as error:
        if not return_exceptions:
            raise
        return error


async def _each(items: Iterable[T] | AsyncIterable[T]) -> AsyncIterator[T]:
    if isinstance(items, AsyncIterable):
        async for item in items:
            yield item
    else:
        for item in items:
            yield item
