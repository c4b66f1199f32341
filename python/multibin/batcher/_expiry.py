"""Tells callers that their time is over while the workers are busy."""

from __future__ import annotations

import threading
import weakref
from collections.abc import Callable

from multibin.batcher._lane import Lane

__all__ = ["Expiry"]


class Expiry:
    """A thread that wakes when the first waiting item expires; it starts with the first ttl."""

    def __init__(self, lanes: Callable[[], list[Lane]], name: str) -> None:
        self._lanes, self._name = lanes, name
        self._changed = threading.Event()
        self._thread: threading.Thread | None = None
        # Reentrant: the garbage collector may stop it while this thread holds it.
        self._lock = threading.RLock()
        self.stopped = False

    def wake(self) -> None:
        """Notes an item that expires before all others. Any thread may call it."""
        if self._thread is None:
            with self._lock:
                if self._thread is None and not self.stopped:
                    self._thread = threading.Thread(
                        target=_run,
                        args=(weakref.ref(self), self._changed),
                        name=f"{self._name}-expiry",
                        daemon=True,
                    )
                    self._thread.start()
        self._changed.set()

    def stop(self) -> None:
        """Ends the thread."""
        with self._lock:
            self.stopped = True
        self._changed.set()

    def join(self, timeout: float | None) -> None:
        """Waits until the thread has ended."""
        thread = self._thread
        if thread is not None and thread is not threading.current_thread():
            thread.join(timeout)

    def expire(self) -> float | None:
        """Fails what has expired; returns the seconds until the next item expires."""
        pauses = [pause for lane in self._lanes() if (pause := lane.expire()) is not None]
        return min(pauses, default=None)


def _run(expiry: weakref.ref[Expiry], changed: threading.Event) -> None:
    while True:
        changed.clear()
        owner = expiry()
        if owner is None or owner.stopped:
            return
        pause = owner.expire()
        del owner
        changed.wait(pause)
