"""What the bindings call in Python: one function for each call.

They are called while the interpreter ends, too, when the globals of modules are gone. What a
function needs then is bound to its parameters.
"""

from __future__ import annotations

import logging
import sys
import threading
import warnings
from asyncio import current_task, get_running_loop
from asyncio.events import _get_running_loop
from collections.abc import Callable, Iterable
from operator import index
from typing import TYPE_CHECKING, Any
from weakref import ref

import numpy as np

if TYPE_CHECKING:
    from asyncio import AbstractEventLoop, Future, Task

_LOGGER = logging.getLogger("multibin")

Sleeping = Callable[[], "Future[None] | None"]
"""What a waker knows of a task that sleeps: a reference to the future that the task waits for."""


# Waiting in an event loop.


def sleep() -> tuple[Future[None], Sleeping, ref[Task[Any]] | None]:
    """Makes the future that a task of the running loop is going to wait for.

    Returns it with weak references to it and to the task. The loop holds the future: a task that
    nothing else holds lives as long as its loop, and an unreachable loop is collected with its
    tasks.
    """
    loop = get_running_loop()
    future: Future[None] = loop.create_future()
    future._asyncio_future_blocking = True
    task = current_task(loop)
    sleeping = ref(future) if _hold(loop, future) else lambda: future
    return future, sleeping, None if task is None else ref(task)


def _hold(loop: AbstractEventLoop, future: Future[None]) -> bool:
    """Lets the loop hold the future; false for a loop that takes no attributes."""
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


def forget(sleeping: Sleeping) -> None:
    """Ends a sleep: the loop lets go of its future."""
    future = sleeping()
    if future is not None:
        getattr(future.get_loop(), "_multibin_waiting", set()).discard(future)


def rise(sleeping: Sleeping, task: ref[Task[Any]] | None) -> bool:
    """Ends a sleep, unless another task than the one that sleeps asks for it: then false."""
    if task is not None and _get_running_loop() is not None and current_task() is not task():
        return False
    forget(sleeping)
    return True


def _complete(future: Future[None]) -> None:
    """Lets the task that waits for the future go on, unless it was cancelled."""
    if not future.done():
        future.set_result(None)


def wake(sleeping: Sleeping) -> bool:
    """Wakes a task, from any thread; returns whether it will run.

    In the thread of its loop no system call is made.
    """
    future = sleeping()
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
            # It may be closed since it was asked.
            if not loop.is_closed():
                raise
        else:
            # A loop that stands still may run again, or never.
            return loop.is_running()
    forget(sleeping)
    return False


def loop_runs() -> bool:
    """Whether an event loop runs in this thread."""
    return _get_running_loop() is not None


def main_thread() -> int | None:
    """The thread that sees signals."""
    return threading.main_thread().ident


# Saying what happened.


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
    """Says that a batch was dropped with rows that are lost now."""
    if ends():
        return
    message = f"a batch was dropped without done(): its {rows} rows are lost"
    message = f'{message}; see "Leases" in docs/scheduling.md'
    if logs:
        logger.warning("%s (logged once for each scheduler)", message)
    warn(message, ResourceWarning, stacklevel=2)


def never_awaited(
    name: str,
    ends: Callable[[], bool] = sys.is_finalizing,
    warn: Callable[..., None] = warnings.warn,
) -> None:
    """Says that an awaitable was dropped before it was awaited."""
    if not ends():
        warn(f"coroutine {name!r} was never awaited", RuntimeWarning, stacklevel=2)


# Looking at arguments.


def show(value: object) -> str:
    """The value as Python shows it; where that fails (an int of 5,000 digits), its type."""
    try:
        return repr(value)
    except Exception:
        return f"a value of {type(value)}"


def show_type(value: object) -> str:
    return str(type(value))


def negative(value: Any) -> bool:
    return bool(value < 0)


def pairs(given: Iterable[Iterable[Any]]) -> list[tuple[int, int]]:
    return [(index(one), index(other)) for one, other in given]


def listed(given: Iterable[object]) -> list[object]:
    return list(given)


def as_array(given: Any, argument: str) -> np.ndarray[Any, Any]:
    """The argument as an array; one with dimensions can be read as it lies in memory."""
    try:
        array = np.asarray(given)
    except ValueError as error:  # Of rows of unlike length.
        message = f"{argument}: {show(given)} makes no array: {error}"
        raise ValueError(message) from None
    if hasattr(given, "mask") and isinstance(given, np.ndarray):
        raise TypeError(f"{argument}: a masked array; fill or drop what is masked")
    if array.ndim == 0:
        return array
    # Columns of records, other byte orders, unaligned buffers.
    return np.require(array, array.dtype.newbyteorder("="), ["C", "A"])


def as_floats(array: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    return array.astype("float64")


def show_dtype(array: np.ndarray[Any, Any]) -> str:
    return str(array.dtype)
