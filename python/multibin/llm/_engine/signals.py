"""Wakes tasks of any event loops from the engine's thread: one call a loop for all that is due."""

from __future__ import annotations

from asyncio import AbstractEventLoop, Future, get_running_loop
from collections.abc import Callable, Iterable
from threading import Lock

__all__ = ["Signal", "Wakeups"]


class Wakeups:
    """The signals that were set since the last flush, by event loop."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._due: dict[AbstractEventLoop, list[Signal]] = {}

    def add(self, signal: Signal) -> None:
        """Notes a signal whose task will be woken by the next flush."""
        with self._lock:
            self._due.setdefault(signal.loop, []).append(signal)

    def flush(self) -> bool:
        """Wakes the tasks, with one call a loop; returns whether there were any.

        Setting a signal may follow from a loop that is closed: until none is due.
        """
        woken = False
        while True:
            with self._lock:
                due, self._due = self._due, {}
            if not due:
                return woken
            woken = True
            for loop, signals in due.items():
                _wake(loop, signals)


def _wake(loop: AbstractEventLoop, signals: list[Signal]) -> None:
    try:
        loop.call_soon_threadsafe(_wake_all, signals)
    except RuntimeError:
        if not loop.is_closed():
            raise
        for signal in signals:
            signal.lost()


def _wake_all(signals: Iterable[Signal]) -> None:
    for signal in signals:
        signal.wake()


class Signal:
    """An event for one task, which other threads set again and again.

    Args:
        wakeups: where a set signal waits for the next flush.
        lost: called if the task's loop is closed when the signal should wake it.
    """

    def __init__(self, wakeups: Wakeups, lost: Callable[[], object]) -> None:
        self.loop = get_running_loop()
        self.lost = lost
        self._wakeups = wakeups
        self._raised = False
        self._future: Future[None] | None = None

    def set(self) -> None:
        """Sets the signal, from any thread."""
        if not self._raised:
            self._raised = True
            self._wakeups.add(self)

    def clear(self) -> None:
        """Lets the next `wait` wait, in the task, before it looks at what may have changed."""
        self._raised = False

    async def wait(self) -> None:
        """Waits until the signal is set; may return early."""
        if not self._raised:
            self._future = self.loop.create_future()
            try:
                await self._future
            finally:
                self._future = None

    def wake(self) -> None:
        """Lets the task continue, in its loop."""
        if self._future is not None and not self._future.done():
            self._future.set_result(None)
