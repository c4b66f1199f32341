"""The decorator ``@multibin.batch``, for functions and for methods."""

from __future__ import annotations

import functools
import inspect
import weakref
from collections.abc import Awaitable, Callable
from typing import Any, Generic, NamedTuple, Protocol, TypedDict, TypeVar, Unpack, overload

from multibin._core import Edges
from multibin.batcher._batcher import Batcher, Results
from multibin.batcher._options import Costs, OnFull, is_async

__all__ = ["BatchMethod", "batch"]

T = TypeVar("T")
R = TypeVar("R")
S = TypeVar("S")

OF_ITEM = ("length", "cost", "key", "make")
"""Options that are functions of an item. Those of a method may take ``self`` before it."""


class _Options(TypedDict, total=False):
    batch_size: int
    length: Callable[[Any], int] | Callable[[Any, Any], int] | None
    max_wait: float | None
    key: Callable[[Any], Any] | Callable[[Any, Any], Any] | None
    workers: int
    bins: int
    edges: Edges | None
    cost: Callable[[Any], int] | Callable[[Any, Any], int] | None
    costs: Costs
    make: Callable[[int], Any] | Callable[[Any, int], Any] | None
    capacity: int
    max_cost: int | None
    on_full: OnFull
    ttl: float | None
    ageing: float | None
    isolate: bool
    worker_timeout: float | None
    climb: bool
    name: str | None


class _Decorator(Protocol):
    @overload
    def __call__(
        self, function: Callable[[list[T]], Awaitable[Results[R]]], /
    ) -> Batcher[T, R]: ...
    @overload
    def __call__(self, function: Callable[[list[T]], Results[R]], /) -> Batcher[T, R]: ...
    @overload
    def __call__(
        self, function: Callable[[list[T], int | None], Awaitable[Results[R]]], /
    ) -> Batcher[T, R]: ...
    @overload
    def __call__(
        self, function: Callable[[list[T], int | None], Results[R]], /
    ) -> Batcher[T, R]: ...
    @overload
    def __call__(
        self, function: Callable[[S, list[T]], Awaitable[Results[R]]], /
    ) -> BatchMethod[S, T, R]: ...
    @overload
    def __call__(self, function: Callable[[S, list[T]], Results[R]], /) -> BatchMethod[S, T, R]: ...
    @overload
    def __call__(
        self, function: Callable[[S, list[T], int | None], Awaitable[Results[R]]], /
    ) -> BatchMethod[S, T, R]: ...
    @overload
    def __call__(
        self, function: Callable[[S, list[T], int | None], Results[R]], /
    ) -> BatchMethod[S, T, R]: ...


@overload
def batch(function: Callable[[list[T]], Awaitable[Results[R]]], /) -> Batcher[T, R]: ...
@overload
def batch(function: Callable[[list[T]], Results[R]], /) -> Batcher[T, R]: ...
@overload
def batch(function: Callable[[S, list[T]], Awaitable[Results[R]]], /) -> BatchMethod[S, T, R]: ...
@overload
def batch(function: Callable[[S, list[T]], Results[R]], /) -> BatchMethod[S, T, R]: ...
@overload
def batch(**options: Unpack[_Options]) -> _Decorator: ...
def batch(function: Any = None, /, **options: Any) -> Any:
    """Makes a function of a list a batcher: a decorator for functions, async ones, and methods.

    ``Batcher`` describes the options. A method has one batcher for each instance; its ``length``,
    ``cost``, ``key`` and ``make`` may take the instance before the item.

    >>> import asyncio, multibin as mb
    >>> @mb.batch(length=len, batch_size=16)
    ... def shout(texts: list[str]) -> list[str]:
    ...     return [text.upper() for text in texts]
    >>> async def main() -> str:
    ...     return await shout("a text")
    >>> asyncio.run(main())
    'A TEXT'
    >>> shout.submit("from any thread").result()
    'FROM ANY THREAD'
    >>> shout.close()
    """
    if function is None:
        return functools.partial(_decorated, options)
    return _decorated(options, function)


def _decorated(options: dict[str, Any], function: Callable[..., Any]) -> Any:
    items = 2 if options.get("climb") else 1
    if _required(function) == items + 1:
        return BatchMethod(function, options)
    batcher: Batcher[Any, Any] = Batcher(function, **options)
    functools.update_wrapper(batcher, function, updated=())
    return batcher


def _required(function: object) -> int | None:
    """Returns how many positional arguments a function needs; ``None``: it does not say."""
    try:
        parameters = inspect.signature(function).parameters.values()  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return None
    positional = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    return sum(one.kind in positional and one.default is one.empty for one in parameters)


class _Kept(NamedTuple, Generic[T, R]):
    """The batcher of an instance that lives."""

    batcher: Batcher[T, R]
    instance: weakref.ref[Any]


class BatchMethod(Generic[S, T, R]):
    """A decorated method: each instance gets a batcher of its own, when it is first used.

    The batcher does not keep the instance alive. When the instance goes, waiting callers are told.
    """

    def __init__(self, function: Callable[..., Any], options: dict[str, Any]) -> None:
        self._function, self._options = function, options
        self._batchers: dict[int, _Kept[T, R]] = {}
        """By the id of the instance: an instance need not be hashable, and equal ones differ.

        Not in the instance, where a copy, a pickle and a method of the same name would find it.
        """
        functools.update_wrapper(self, function, updated=())  # type: ignore[arg-type]

    @overload
    def __get__(self, instance: None, owner: type) -> BatchMethod[S, T, R]: ...
    @overload
    def __get__(self, instance: object, owner: type) -> Batcher[T, R]: ...
    def __get__(self, instance: Any, owner: type) -> BatchMethod[S, T, R] | Batcher[T, R]:
        if instance is None:
            return self
        kept = self._batchers.get(id(instance))
        return self._first(instance) if kept is None else kept.batcher

    def _first(self, instance: Any) -> Batcher[T, R]:
        """Makes the batcher of an instance, unless another thread is faster."""
        key, batchers = id(instance), self._batchers

        def gone(_: object) -> None:
            batchers.pop(key, None)

        kept = _Kept(self._made(instance), weakref.ref(instance, gone))
        return batchers.setdefault(key, kept).batcher

    def _made(self, instance: Any) -> Batcher[T, R]:
        """Returns a batcher of the instance's method."""
        options = dict(self._options)
        for name in OF_ITEM:
            if _required(options.get(name)) == 2:
                options[name] = _Bound(options[name], instance)
        if options.get("name") is None:
            options["name"] = self._function.__qualname__
        bound = _AsyncBound if is_async(self._function) else _Bound
        return Batcher(bound(self._function, instance), **options)


class _Bound:
    """A function with an instance before its arguments, which it does not keep alive."""

    def __init__(self, function: Callable[..., Any], instance: object) -> None:
        self._function, self._instance = function, weakref.ref(instance)

    def __call__(self, *arguments: Any) -> Any:
        instance = self._instance()
        if instance is None:
            raise ReferenceError(f"the instance of {self._function.__qualname__} is gone")
        return self._function(instance, *arguments)


class _AsyncBound(_Bound):
    async def __call__(self, *arguments: Any) -> Any:
        return await super().__call__(*arguments)
