"""What the workers of a batcher share. It does not keep the batcher alive."""

from __future__ import annotations

import contextvars
import logging
import os
import threading
import time
import warnings
import weakref
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Protocol

from multibin._core import Limit
from multibin.batcher._expiry import Expiry
from multibin.batcher._job import Job, Raised, raised
from multibin.batcher._lane import KeyedLanes, Lane, Lanes, OneLane
from multibin.batcher._learning import Learning
from multibin.batcher._options import Options
from multibin.errors import ClosedError

if TYPE_CHECKING:
    from multibin.batcher._batcher import Batcher

__all__ = ["Crew", "Runtime"]

LOGGER = logging.getLogger("multibin")

_PROCESS = object()
"""Stands for this process: a forked child has another one."""


def _forked() -> None:
    global _PROCESS
    _PROCESS = object()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forked)


class Crew(Protocol):
    """The workers of a batcher: threads, or tasks of an event loop."""

    def start(self) -> None:
        """Sees to it that what waits is worked on. Any thread may call it."""

    def settle(self) -> None:
        """Sees to it that what waits can end."""

    def is_in_batch(self) -> bool:
        """Returns true in a thread, or a task, in which a batch runs."""

    def join(self, timeout: float | None) -> None:
        """Waits until the workers have ended."""

    def abandon(self) -> None:
        """Gives the workers up; what they still run is failed."""


class Runtime:
    """The queues, the workers and the measurements of a batcher."""

    crew: Crew

    def __init__(self, options: Options, calls: list[Callable[..., Any]], name: str) -> None:
        self.options, self.calls, self.name = options, calls, name
        self.context = contextvars.copy_context()
        """Where the function runs: not in the context of the caller that came first."""
        self.limit = Limit(options.capacity, options.max_cost)
        self.learning = Learning(options)
        self.expiry = Expiry(lambda: self.lanes.all(), name)
        key = options.key
        self.lanes: Lanes = OneLane(self._lane) if key is None else KeyedLanes(self._lane, key)
        self.attached = False
        """Workers see what is submitted from any thread, without ``crew.start``."""
        self.batcher: weakref.ref[Batcher[Any, Any]] | None = None
        self._anywhere = len(set(map(id, calls))) == 1
        """Any worker may go on with an unfinished item: all run the same function."""
        self.closed = False
        self.ended = False
        """Nothing more is run: who still waits is told."""
        self.started = False
        self.dropped = False
        self._process = _PROCESS
        self._running: dict[int, Job] = {}
        self._lock = threading.Lock()

    def _lane(self) -> Lane:
        lane = Lane(self.options, self.limit, self.retry_after, self.expiry.wake)
        self.learning.apply(lane)
        return lane

    def measure(self, number: int) -> None:
        """Measures the batch times of a worker's function (``costs="measure"``)."""
        try:
            self.learning.measure(self.calls[number])
        except BaseException:
            LOGGER.exception("the batch times of %s could not be measured", self.name)

    def attempt(self, job: Job, start: int, stop: int) -> Any:
        """Calls the function with some rows of a batch; returns its result or what it raised."""
        items = job.rows.items
        if stop - start < len(items):
            items = items[start:stop]
        call = self.calls[job.worker]
        try:
            return call(items, job.batch.limit) if self.options.climb else call(items)
        except BaseException as error:
            return Raised(error)

    def run(self, job: Job) -> None:
        """Runs a batch in this thread."""
        self.begin(job)
        began = time.perf_counter()
        outcome = self.attempt(job, 0, len(job.rows))
        if self.options.isolate and raised(outcome) and not job.abandoned:
            self._isolate(job, outcome)
        else:
            job.settle(outcome)
        self.finish(job, time.perf_counter() - began)

    def _isolate(self, job: Job, outcome: Any) -> None:
        halves = job.halves(outcome)
        span = next(halves, None)
        while span is not None:
            outcome = self.attempt(job, *span)
            if job.abandoned:
                return
            try:
                span = halves.send(outcome)
            except StopIteration:
                return

    def begin(self, job: Job) -> None:
        """Notes a batch that runs."""
        self._running[id(job)] = job

    def leave(self, job: Job) -> None:
        """Lets the rows of a worker that ended with its loop wait again, or tells their callers."""
        if self.ended:
            job.fail(self._end())
        elif not job.abandoned:
            job.give_back()

    def finish(self, job: Job, seconds: float) -> None:
        """Ends a batch, and learns from one without an error."""
        self._running.pop(id(job), None)
        if not job.abandoned:
            job.end(self._anywhere)
            self._learn(job, seconds)
        self.lanes.ended(job.lane)

    def _learn(self, job: Job, seconds: float) -> None:
        try:
            if not job.failed:
                self.learning.record(job, seconds)
            self.learning.apply(job.lane)
        except Exception:
            # The callers have their answers, and more may wait.
            LOGGER.exception("%s could not learn from a batch", self.name)

    def retry_after(self) -> float | None:
        """Returns the seconds after which a batch of room should be free."""
        seconds = self.learning.item_seconds
        return None if seconds is None else seconds * self.options.batch_size / len(self.calls)

    def close(self) -> None:
        """Accepts nothing more."""
        with self._lock:
            self.closed = True
        self.detach()
        self.lanes.close()

    def fail_waiting(self) -> int:
        """Fails what no worker has taken, at the end; returns how many callers were told."""
        self.ended = True
        return sum(lane.inbox.fail_waiting(self._end()) for lane in self.lanes.all())

    def fail_running(self) -> None:
        """Fails what workers have taken. What they still return is discarded."""
        for job in list(self._running.values()):
            job.fail(self._end())

    def _end(self) -> ClosedError:
        if self.dropped:
            return ClosedError(f"{self.name} was dropped while this item waited")
        return ClosedError(f"{self.name} was closed before this item had a result")

    def check_fork(self) -> None:
        """Refuses a call in a forked child, before it takes a lock."""
        if self.forked:
            raise RuntimeError("the batcher was made before a fork: make one in the child process")

    @property
    def forked(self) -> bool:
        """This is a child of the process in which the workers are."""
        return self._process is not _PROCESS

    def detach(self) -> None:
        """Lets the next call of the batcher come through ``start``."""
        self.attached = False
        batcher = self.batcher() if self.batcher is not None else None
        if batcher is not None:
            batcher._detach()

    def attach(self, home: object = None) -> None:
        """Lets calls of the batcher go straight to the queue, from any thread or from a loop."""
        self.attached = home is None and not self.closed
        batcher = self.batcher() if self.batcher is not None else None
        if batcher is not None and isinstance(self.lanes, OneLane) and not self.closed:
            batcher._attach(self.lanes.lane.inbox, home)

    def abandon(self) -> None:
        """Ends a batcher that was dropped, maybe without being closed."""
        if self.forked:
            return
        unclosed = self.started and not self.closed
        self.dropped = True
        self.close()
        self.expiry.stop()
        told = self.fail_waiting()
        self.lanes.end()
        self.crew.abandon()
        if told and unclosed:
            message = f"{self.name} was dropped without close(): {told} waiting items failed"
            warnings.warn(message, ResourceWarning, stacklevel=2)
