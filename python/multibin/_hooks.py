"""The functions that the bindings call: one for each call from Rust to Python.

They also run while the interpreter ends, when the globals of modules are gone. What a function
needs then is bound to its parameters.
"""

from __future__ import annotations

import asyncio
import logging
import os
import sys
import threading
import warnings
from asyncio import current_task, get_running_loop
from asyncio.events import _get_running_loop
from collections.abc import Callable, Iterable
from contextvars import Context, copy_context
from importlib import import_module
from operator import index
from typing import TYPE_CHECKING, Any
from weakref import ref

import numpy as np

from multibin._args import shown
from multibin._core import Turn

if TYPE_CHECKING:
    from asyncio import AbstractEventLoop, Future, Task

_LOGGER = logging.getLogger("multibin")

Waiting = Callable[[], "Future[None] | None"]
"""A waker's reference to the future that its task waits for."""


# Waiting in an event loop.


def start_wait() -> tuple[Future[None], Waiting, ref[Task[Any]] | None]:
    """Makes the future that a task of the running loop waits for.

    Returns it with weak references to it and to the task. The loop holds the future, so a task that
    nothing else holds lives as long as its loop. An unreachable loop is collected with its tasks.
    """
    loop = get_running_loop()
    future: Future[None] = loop.create_future()
    future._asyncio_future_blocking = True
    task = current_task(loop)
    waiting = ref(future) if _hold(loop, future) else lambda: future
    return future, waiting, None if task is None else ref(task)


def _hold(loop: AbstractEventLoop, future: Future[None]) -> bool:
    """Lets the loop hold the future; returns false for a loop that takes no attributes."""
    try:
        waiting = loop._multibin_waiting  # type: ignore[attr-defined]
    except AttributeError:
        waiting = set()
        try:
            loop._multibin_waiting = waiting  # type: ignore[attr-defined]
        except AttributeError:
            return False
    waiting.add(future)
    return True


def end_wait(waiting: Waiting) -> None:
    """Ends a wait: the loop drops its future."""
    future = waiting()
    if future is not None:
        getattr(future.get_loop(), "_multibin_waiting", set()).discard(future)


def resume(waiting: Waiting, task: ref[Task[Any]] | None) -> bool:
    """Ends a wait and returns true, or returns false if another task than the waiter asks."""
    if task is not None and _get_running_loop() is not None and current_task() is not task():
        return False
    end_wait(waiting)
    return True


def _complete(future: Future[None]) -> None:
    """Lets the task that waits for the future continue, unless it was cancelled."""
    if not future.done():
        future.set_result(None)


def wake(waiting: Waiting) -> bool:
    """Wakes a task from any thread; returns whether it will run.

    In the thread of its loop it makes no system call.
    """
    future = waiting()
    if future is None:
        return False
    loop = future.get_loop()
    if _get_running_loop() is loop:
        _complete(future)
        return True
    if not loop.is_closed():
        try:
            loop.call_soon_threadsafe(_complete, future)
        except RuntimeError:
            # It may have been closed meanwhile.
            if not loop.is_closed():
                raise
        else:
            # A stopped loop may run again, or never.
            return loop.is_running()
    end_wait(waiting)
    return False


def loop_runs() -> bool:
    """Returns whether an event loop runs in this thread."""
    return _get_running_loop() is not None


def find_main_thread() -> int | None:
    """Returns the thread that sees signals."""
    return threading.main_thread().ident


# Futures.

running_loop = _get_running_loop
"""Returns the event loop that runs in this thread, or ``None``."""

copy_context = copy_context
"""Returns a copy of the current context."""

run_in = Context.run
"""Calls a function in a context."""

make_condition = threading.Condition
"""Makes a condition."""


class _NoLoop:
    """Is the loop of a future that is finished from the start."""

    def get_debug(self) -> bool:
        """Returns false, for the future."""
        return False


FINISHED: Future[None] = asyncio.Future(loop=_NoLoop())  # type: ignore[arg-type]
FINISHED.set_result(None)

if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=Turn.forget)


def is_wakeup(function: Any) -> bool:
    """Returns whether a builtin function is the callback by which a task waits for a future."""
    return function.__name__.endswith("wakeup") and type(function.__self__) is asyncio.Task


def post(loop: AbstractEventLoop, turn: Turn, here: bool) -> None:
    """Has a loop run ``turn``; ``here``: the loop runs in this thread. A closed loop does not."""
    try:
        if here:
            loop.call_soon(turn.run)
        else:
            loop.call_soon_threadsafe(turn.run)
    except RuntimeError:
        if not loop.is_closed():
            raise


def failed_callback(
    loop: AbstractEventLoop | None,
    callback: object,
    error: BaseException,
    future: object,
    logger: logging.Logger = _LOGGER,
) -> None:
    """Reports the error of a callback to its loop, or logs it."""
    message = f"Exception in callback {callback!r}"
    if loop is None:
        logger.error("%s", message, exc_info=error)
    else:
        loop.call_exception_handler({"message": message, "exception": error, "future": future})


def acquire(condition: threading.Condition) -> None:
    """Acquires a condition."""
    condition.acquire()


def tell_waiters(
    condition: threading.Condition, waiters: list[Any], future: object, method: str
) -> None:
    """Tells the waiters of ``concurrent.futures`` that a future is over; releases the condition."""
    try:
        for waiter in waiters:
            getattr(waiter, method)(future)
        condition.notify_all()
    finally:
        condition.release()


def equal_to(functions: list[object], function: object) -> list[bool]:
    """Returns which of the functions equal ``function``."""
    return [bool(one == function) for one in functions]


def no_stop(error: StopIteration) -> RuntimeError:
    """Returns an error that a coroutine can raise in place of a ``StopIteration``."""
    replacement = RuntimeError("a StopIteration cannot be raised from a future")
    replacement.__cause__ = error
    return replacement


# Logs and warnings.


def log(level: int, lines: list[str], logger: logging.Logger = _LOGGER) -> None:
    """Writes lines to the logger ``multibin``."""
    for line in lines:
        logger.log(level, "%s", line)


def lost(
    rows: int,
    logs: bool,
    ends: Callable[[], bool] = sys.is_finalizing,
    warn: Callable[..., None] = warnings.warn,
    logger: logging.Logger = _LOGGER,
) -> None:
    """Warns that a batch was dropped with rows that are lost."""
    if ends():
        return
    message = f"a batch was dropped without done(): its {rows} rows are lost"
    message = f'{message}; see "Leases" in docs/reference/guarantees.md'
    if logs:
        logger.warning("%s (logged once for each scheduler)", message)
    warn(message, ResourceWarning, stacklevel=2)


def never_awaited(
    name: str,
    ends: Callable[[], bool] = sys.is_finalizing,
    warn: Callable[..., None] = warnings.warn,
) -> None:
    """Warns that an awaitable was dropped before it was awaited."""
    if not ends():
        warn(f"coroutine {name!r} was never awaited", RuntimeWarning, stacklevel=2)


# Arguments.


def show(value: object) -> str:
    """Returns how a message shows the value; without a repr (an int of 5,000 digits), its type."""
    try:
        return shown(value)
    except Exception:
        return f"a value of type {type(value).__name__}"


def show_dtype(array: np.ndarray[Any, Any]) -> str:
    """Returns the name of the array's dtype."""
    return str(array.dtype)


def negative(value: Any) -> bool:
    """Returns whether a number is less than 0."""
    return bool(value < 0)


def pairs(given: Iterable[Iterable[Any]]) -> list[tuple[int, int]]:
    """Returns pairs of ints."""
    return [(index(one), index(other)) for one, other in given]


def listed(given: Iterable[object]) -> list[object]:
    """Returns the elements."""
    return list(given)


def as_array(given: Any, argument: str) -> np.ndarray[Any, Any]:
    """Returns the argument as an array; the core can read one with dimensions in place."""
    try:
        array = np.asarray(given)
    except ValueError:  # Rows of unlike length.
        raise ValueError(f"{argument} must be an array, got {show(given)}") from None
    if hasattr(given, "mask") and isinstance(given, np.ndarray):
        raise TypeError(f"{argument} must be unmasked, got a masked array: fill or drop elements")
    if array.ndim == 0:
        return array
    # Columns of records, other byte orders, unaligned buffers.
    return np.require(array, array.dtype.newbyteorder("="), ["C", "A"])


def as_floats(array: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Returns the array as one of float64."""
    return array.astype("float64")


# Cost tables.


def cost_table_parts(given: object) -> tuple[list[int] | list[float] | str, ...]:
    """Returns the axes of a cost table, its flat grids and what it counts."""
    costs = sys.modules.get("multibin.costs")
    if costs is None or not isinstance(given, costs.CostTable):
        raise TypeError(f"costs must be a CostTable, got {shown(given)}")
    axes = given.rows.tolist(), given.tokens.tolist()
    grids = [getattr(given, name).ravel().tolist() for name in ("step", "prefill", "move")]
    return (*axes, *grids, given.counts)


def cost_table(
    rows: list[int],
    tokens: list[int],
    step: list[float],
    prefill: list[float],
    move: list[float],
) -> object:
    """Makes a cost table that counts the longest row, of axes and flat grids."""
    grids = [np.reshape(grid, (len(rows), len(tokens))) for grid in (step, prefill, move)]
    return import_module("multibin.costs").CostTable(np.array(rows), np.array(tokens), *grids)
