"""The batcher: a function of a list, called with one item at a time."""

from __future__ import annotations

import atexit
import weakref
from collections.abc import (
    AsyncIterable,
    AsyncIterator,
    Awaitable,
    Callable,
    Hashable,
    Iterable,
    Iterator,
    Sequence,
)
from typing import TYPE_CHECKING, Any, Generic, Literal, Self, TypeAlias, TypeVar, overload

from multibin import _args
from multibin._core import Caller, Edges
from multibin.batcher import _closing, _map, _stats
from multibin.batcher._future import Future
from multibin.batcher._options import Costs, OnFull, Options, calls_of, is_async
from multibin.batcher._runtime import Runtime
from multibin.batcher._stats import BatcherStats
from multibin.batcher._tasks import Tasks
from multibin.batcher._threads import Threads
from multibin.batcher._unfinished import Unfinished
from multibin.errors import ClosedError

__all__ = ["Batcher", "Function"]

T = TypeVar("T")
R = TypeVar("R")

Results: TypeAlias = Iterable[R | BaseException | Unfinished[Any]]
Function: TypeAlias = (
    Callable[[list[T]], Results[R]]
    | Callable[[list[T]], Awaitable[Results[R]]]
    | Callable[[list[T], int | None], Results[R]]
    | Callable[[list[T], int | None], Awaitable[Results[R]]]
)

_LIVE: weakref.WeakSet[Batcher[Any, Any]] = weakref.WeakSet()


class Batcher(Caller, Generic[T, R]):
    """Calls a function of a list with one item at a time: items of like length share a batch.

    A batch leaves when a worker is free, never earlier, and after the callers that were just
    answered had their turn of the event loop. A lone item on an idle worker leaves at once.

    Args:
        function: takes a list of items and returns a sequence of as many results. A plain function
            runs in worker threads, an ``async`` one in the event loop of its callers. A sequence of
            functions has one for each worker. An exception object among the results fails its
            caller alone; an exception that is raised fails the batch.
        batch_size: the most items of a batch.
        length: returns the length of an item, an int from 0 on, such as its tokens. ``None``: all
            items are alike.
        max_wait: seconds since it was submitted after which an item leads the next batch.
        key: returns what the items of a batch must share, such as model and parameters. The keys
            that have items are served in turn.
        workers: batches that run at a time.
        bins: the most bins of lengths. Their edges follow the lengths that come.
        edges: the edges of the bins, fixed.
        cost: returns what ``max_cost`` counts of an item. ``None``: its length.
        costs: what a batch takes. ``"learn"``: seconds by rows and longest length are fitted from
            the batches that run, and decide how many rows pay at each length. ``"measure"``: they
            are measured before the first batch, on items of ``make``; not of an async function. A
            ``CostTable``: they are known. ``None``: full batches always pay.
        make: makes an item of a length, for ``costs="measure"``.
        capacity: the most items that wait or run.
        max_cost: the most cost of the items that wait or run. ``None``: no limit.
        on_full: ``"raise"``: refuse with ``FullError``. ``"wait"``: a caller waits for room.
            ``"drop_oldest"``: the caller that waits longest gets the ``FullError``.
        ttl: seconds after which an item that still waits expires; it is never computed.
        ageing: seconds by which a unit of an item's priority delays it, for each unit of length.
        isolate: halve a batch that raises until the item at fault is found. Items are computed
            again, at most log₂ of the batch times.
        worker_timeout: seconds after which the callers of a batch that still runs are told, and
            another worker takes over.
        climb: the function is called as ``function(items, limit)``. It runs at most ``limit`` steps
            (``None``: to the end) and may return ``Unfinished`` for an item.
        name: of threads, logs and metrics. ``None``: that of the function.

    Raises:
        ValueError: a value is out of range, or two arguments exclude each other.
        TypeError: an argument has a wrong type.

    >>> import multibin as mb
    >>> def shout(texts: list[str]) -> list[str]:
    ...     return [text.upper() for text in texts]
    >>> with mb.Batcher(shout, length=len, batch_size=8) as batcher:
    ...     batcher.submit("a text").result(), list(batcher.map(["b", "c"]))
    ('A TEXT', ['B', 'C'])
    """

    def __init__(
        self,
        function: Function[T, R] | Sequence[Function[T, R]],
        *,
        batch_size: int = 32,
        length: Callable[[T], int] | None = None,
        max_wait: float | None = None,
        key: Callable[[T], Hashable] | None = None,
        workers: int = 1,
        bins: int = 16,
        edges: Edges | None = None,
        cost: Callable[[T], int] | None = None,
        costs: Costs = "learn",
        make: Callable[[int], T] | None = None,
        capacity: int = 8192,
        max_cost: int | None = None,
        on_full: OnFull = "raise",
        ttl: float | None = None,
        ageing: float | None = None,
        isolate: bool = False,
        worker_timeout: float | None = None,
        climb: bool = False,
        name: str | None = None,
    ) -> None:
        _args.integer("workers", workers, 1)
        if name is not None and not isinstance(name, str):
            raise TypeError(_args.sentence("name", "a str, or None", name))
        calls = calls_of(function, workers)
        options = Options(
            batch_size=batch_size,
            length=length,
            max_wait=max_wait,
            key=key,
            workers=len(calls),
            bins=bins,
            edges=edges,
            cost=cost,
            costs=costs,
            make=make,
            capacity=capacity,
            max_cost=max_cost,
            on_full=on_full,
            ttl=ttl,
            ageing=ageing,
            isolate=isolate,
            worker_timeout=worker_timeout,
            climb=climb,
        )
        if costs == "measure" and is_async(calls[0]):
            rule = "'learn', a CostTable or None for an async function"
            raise ValueError(_args.sentence("costs", rule, costs))
        self._runtime = runtime = Runtime(options, calls, name or _name(calls[0]))
        runtime.crew = Tasks(runtime) if is_async(calls[0]) else Threads(runtime)
        runtime.batcher = weakref.ref(self)
        self._finalizer = weakref.finalize(self, runtime.abandon)
        self._finalizer.atexit = False
        self.__name__ = runtime.name
        _LIVE.add(self)

    def _start(self, item: T, options: dict[str, Any]) -> Future[R]:
        """Submits an item where the call cannot go straight to the queue."""
        return self._submit(item, options, awaited=True)

    def _submit(self, item: T, options: dict[str, Any], awaited: bool) -> Future[R]:
        runtime = self._runtime
        runtime.check_fork()
        if runtime.closed:
            raise ClosedError(f"{runtime.name} is closed")
        runtime.started = True
        future: Future[R] = runtime.lanes.submit(item, options, awaited)
        if not runtime.attached:
            runtime.crew.start()
        return future

    if TYPE_CHECKING:

        def __call__(  # type: ignore[override]
            self,
            item: T,
            /,
            *,
            length: int | None = None,
            cost: int | None = None,
            priority: int = 0,
            ttl: float | None = None,
        ) -> Future[R]:
            """Submits an item; await its result."""

    def submit(
        self,
        item: T,
        /,
        *,
        length: int | None = None,
        cost: int | None = None,
        priority: int = 0,
        ttl: float | None = None,
    ) -> Future[R]:
        """Submits an item and returns the future of its result. Any thread may call it.

        ``batcher(item)`` does the same; its future is a coroutine too, for ``create_task``, which
        ``asyncio.wait`` refuses. The future waits in threads (``result(timeout)``,
        ``concurrent.futures.wait``) and in event loops (``await``, ``asyncio.wrap_future``).
        Cancelled, its item is not computed, or the result is discarded.

        Args:
            item: what the function gets in a list.
            length, cost: instead of what the functions ``length`` and ``cost`` return.
            priority: 0 is the most urgent; others need ``ageing``.
            ttl: seconds after which the item expires if it still waits.

        Raises:
            FullError: as many items wait or run as the capacity.
            ClosedError: the batcher is closed.
            ValueError, TypeError: an argument is wrong.

        >>> import multibin as mb
        >>> with mb.Batcher(lambda items: [2 * item for item in items]) as double:
        ...     double.submit(21).result(timeout=10)
        42
        """
        options: dict[str, Any] = {"priority": priority}
        if length is not None:
            options["length"] = length
        if cost is not None:
            options["cost"] = cost
        if ttl is not None:
            options["ttl"] = ttl
        return self._submit(item, options, awaited=False)

    @overload
    def map(self, items: Iterable[T], *, in_flight: int | None = None) -> Iterator[R]: ...
    @overload
    def map(
        self,
        items: Iterable[T],
        *,
        in_flight: int | None = None,
        return_exceptions: Literal[True],
    ) -> Iterator[R | Exception]: ...
    def map(
        self,
        items: Iterable[T],
        *,
        in_flight: int | None = None,
        return_exceptions: bool = False,
    ) -> Iterator[Any]:
        """Yields the result of each item in the order of ``items``, as soon as it is there.

        Args:
            items: read only as far as the results that were taken, and ``in_flight`` beyond.
            in_flight: the most items that wait or run. ``None``: half of the capacity.
            return_exceptions: yield the exception of an item that failed, and go on.

        >>> import multibin as mb
        >>> with mb.Batcher(lambda items: [2 * item for item in items]) as double:
        ...     list(double.map(range(5)))
        [0, 2, 4, 6, 8]
        """
        window = self._window(in_flight)
        return _map.map_in_order(self, items, window, return_exceptions)

    @overload
    def amap(
        self, items: Iterable[T] | AsyncIterable[T], *, in_flight: int | None = None
    ) -> AsyncIterator[R]: ...
    @overload
    def amap(
        self,
        items: Iterable[T] | AsyncIterable[T],
        *,
        in_flight: int | None = None,
        return_exceptions: Literal[True],
    ) -> AsyncIterator[R | Exception]: ...
    def amap(
        self,
        items: Iterable[T] | AsyncIterable[T],
        *,
        in_flight: int | None = None,
        return_exceptions: bool = False,
    ) -> AsyncIterator[Any]:
        """Yields the result of each item in a task, as ``map`` does in a thread.

        >>> import asyncio, multibin as mb
        >>> async def main() -> list[int]:
        ...     async with mb.Batcher(lambda items: [2 * item for item in items]) as double:
        ...         return [result async for result in double.amap(range(5))]
        >>> asyncio.run(main())
        [0, 2, 4, 6, 8]
        """
        return _map.amap(self, items, self._window(in_flight), return_exceptions)

    def _window(self, in_flight: int | None) -> int:
        capacity = self._runtime.options.capacity
        if in_flight is None:
            return max(1, capacity // 2)
        return min(_args.integer("in_flight", in_flight, 1), capacity)

    def stats(self) -> BatcherStats:
        """Returns the counts so far, and what the batcher believes of its costs.

        >>> import multibin as mb
        >>> with mb.Batcher(lambda items: items, batch_size=4) as same:
        ...     same.submit(1).result(), same.stats()["submitted"]
        (1, 1)
        """
        return _stats.stats(self._runtime)

    def prometheus(self, *, labels: dict[str, str] | None = None) -> str:
        """Returns the counts in the text exposition format of Prometheus.

        >>> import multibin as mb
        >>> with mb.Batcher(lambda items: items, name="same") as same:
        ...     'multibin_batcher_submitted_total{batcher="same"} 0' in same.prometheus()
        True
        """
        return _stats.prometheus(self._runtime, labels)

    def close(self, timeout: float | None = None) -> None:
        """Accepts nothing more, and waits until every caller has an answer.

        After ``timeout`` seconds (``None``: no limit) the remaining callers get ``ClosedError``.

        Raises:
            RuntimeError: called in the thread of an event loop (``await aclose()`` there), or by
                the batcher's own function, for whose batch it would wait.

        >>> import multibin as mb
        >>> same = mb.Batcher(lambda items: items)
        >>> future = same.submit(1)
        >>> same.close()
        >>> future.result(timeout=0)
        1
        """
        _closing.close(self._runtime, timeout)

    async def aclose(self, timeout: float | None = None) -> None:
        """Closes as ``close`` does, and waits in a task.

        Raises:
            RuntimeError: awaited by the batcher's own function, for whose batch it would wait.

        >>> import asyncio, multibin as mb
        >>> same = mb.Batcher(lambda items: items)
        >>> asyncio.run(same.aclose())
        """
        await _closing.aclose(self._runtime, timeout)

    @property
    def closed(self) -> bool:
        """The batcher accepts nothing more.

        >>> import multibin as mb
        >>> mb.Batcher(lambda items: items).closed
        False
        """
        return self._runtime.closed

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if not self._runtime.forked:
            self.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        if not self._runtime.forked:
            await self.aclose()

    def __repr__(self) -> str:
        options, closed = self._runtime.options, ", closed" if self.closed else ""
        return f"<Batcher {self._runtime.name}: batch_size={options.batch_size}{closed}>"


def _name(call: Any) -> str:
    return getattr(call, "__qualname__", None) or type(call).__qualname__


@atexit.register
def _close_all() -> None:
    """Answers every caller before the interpreter ends."""
    for batcher in list(_LIVE):
        runtime = batcher._runtime
        if runtime.started and not (runtime.closed or runtime.forked):
            _closing.at_exit(runtime)
