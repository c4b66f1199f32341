"""The engine in a thread of its own, for tasks of any number of event loops."""

from __future__ import annotations

import atexit
import logging
import os
import time
from collections.abc import Callable, Sequence
from threading import RLock, Thread, current_thread
from typing import Any, Protocol
from weakref import WeakSet

import numpy as np
from numpy.typing import NDArray

from multibin.errors import ClosedError, WorkerError
from multibin.llm._engine.call import Call
from multibin.llm._engine.capacity import Room
from multibin.llm._engine.request import Request
from multibin.llm._engine.signals import Signal, Wakeups
from multibin.llm._outputs import BatchRecord
from multibin.llm._stats import Meter, Watch

__all__ = ["Runs", "Service"]

LOGGER = logging.getLogger("multibin")

AT_EXIT = 10.0
"""Seconds that the end of the interpreter waits for the step that runs."""


class Runs(Protocol):
    """What the service needs of a runner. Its context aborts what is left when it ends."""

    @property
    def records(self) -> list[BatchRecord]:
        """Returns the list to which batches that ran are added."""

    def __enter__(self) -> object:
        """Makes this thread the one that steps."""

    def __exit__(self, *raised: Any) -> None:
        """Ends every request, and frees all slots."""

    def submit(
        self,
        requests: Sequence[Request],
        lengths: Any,
        *,
        priorities: Any = None,
        ttls: Any = None,
    ) -> None:
        """Accepts requests, from any thread."""

    def cancel(self, request: Request) -> None:
        """Ends a request at the next host read, from any thread."""

    def close(self) -> None:
        """Accepts no more requests, from any thread."""

    def step(self, timeout: float | None) -> bool:
        """Runs one pass, or waits for requests; returns false once closed and empty."""

    def stats(self) -> dict[str, Any]:
        """Returns the numbers of the core."""


class Service:
    """Runs one runner until it is closed and empty, or stopped.

    Args:
        runner: what runs the requests; only the thread of the service enters it and steps.
        capacity: the most requests that wait or run.
        patience: the seconds that a step may wait for requests; None: without end.
    """

    def __init__(self, runner: Runs, capacity: int, patience: float | None = None) -> None:
        self.wakeups = Wakeups()
        self.room = Room(capacity, self.wakeups)
        self._runner = runner
        self._patience = patience
        self._process = os.getpid()
        # Reentrant: the garbage collector may stop a service while this thread holds it.
        self._lock = RLock()
        self._calls: set[Call] = set()
        self._over: list[Signal] = []
        self._thread: Thread | None = None
        self._closed = False
        self._ended = False
        self._failure: BaseException | None = None
        self._stopped: BaseException | None = None
        _LIVE.add(self)

    @property
    def closed(self) -> bool:
        """Returns whether no more requests are accepted."""
        return self._closed

    def check(self) -> None:
        """Raises an error unless requests are accepted here.

        Raises:
            RuntimeError: in a forked child, where the thread does not exist.
            WorkerError: the thread has failed.
            ClosedError: the service is closed.
        """
        self.check_process()
        if self._failure is not None:
            raise _lost(self._failure)
        if self._closed:
            raise ClosedError("the engine is closed")

    def check_process(self) -> None:
        """Raises a `RuntimeError` in a forked child."""
        if os.getpid() != self._process:
            raise RuntimeError(
                f"the engine runs in process {self._process}; make another in a forked child"
            )

    def call(self, requests: Sequence[Request]) -> Call:
        """Returns a call of the running task; it is not submitted yet."""
        return Call(requests, self.wakeups, self.cancel)

    def submit(
        self,
        call: Call,
        lengths: NDArray[np.int64],
        meter: Meter,
        *,
        priority: int = 0,
        ttl: float | None = None,
    ) -> None:
        """Gives the requests of a call to the engine. They have taken their room before.

        Args:
            call: its requests are new.
            lengths: predicted output tokens, one a request.
            meter: counts the requests.
            priority, ttl: of all of them.
        """
        self.check_process()
        with self._lock:
            self.check()
            self._start()
            self._calls.add(call)
            call.submitted = True
        watches = [Watch(meter, request) for request in call.requests]
        for index, (request, watch) in enumerate(zip(call.requests, watches, strict=True)):
            request.listener = self._listener(call, index, watch)
        rows = len(call.requests)
        try:
            self._runner.submit(
                call.requests,
                lengths,
                priorities=np.full(rows, priority) if priority else None,
                ttls=None if ttl is None else np.full(rows, ttl),
            )
        except BaseException:
            self._calls.discard(call)
            for request, watch in zip(call.requests, watches, strict=True):
                watch.withdraw(request)
            raise
        if call.aborted:
            self.cancel(call)

    def _listener(self, call: Call, index: int, watch: Watch) -> Callable[[Request], None]:
        def heard(request: Request) -> None:
            watch(request)
            if call.note(index):
                self.room.give(1)
                if call.ended:
                    self._calls.discard(call)

        return heard

    def cancel(self, call: Call) -> None:
        """Ends the requests of a call that still run, at the next host read; or its wait."""
        call.aborted = True
        if os.getpid() != self._process or self._ended:
            return
        if not call.submitted:
            if call.place is not None:
                self.room.give_up(call.place)
            return
        for request in call.requests:
            if request.finish_reason is None:
                self._runner.cancel(request)
        # One that was still waiting has ended in this thread.
        self.wakeups.flush()

    def close(self) -> None:
        """Accepts no more requests; the thread ends when those that it has are over."""
        with self._lock:
            self._closed = True
            runs = self._thread is not None
        self._runner.close()
        if not runs:
            self._end(None)

    def stop(self, error: BaseException) -> None:
        """Ends the thread after the step that runs; the calls that are left raise `error`."""
        self._stopped = error
        self.close()

    async def over(self) -> None:
        """Waits until the thread has ended."""
        signal = Signal(self.wakeups, lambda: None)
        with self._lock:
            self._over.append(signal)
        while not self._ended:
            await signal.wait()

    def join(self, timeout: float | None = None) -> None:
        """Waits in this thread until the thread of the service has ended."""
        if self._thread is not None and self._thread is not current_thread():
            self._thread.join(timeout)

    def _start(self) -> None:
        if self._thread is None:
            thread = Thread(target=self._run, name="multibin-engine", daemon=True)
            thread.start()
            # Only now: the system may refuse another thread.
            self._thread = thread

    def _run(self) -> None:
        failure: BaseException | None = None
        try:
            # It aborts at its end what is left.
            with self._runner:
                failure = self._serve()
                self._fail_calls(failure)
        except BaseException as error:
            LOGGER.exception("the engine failed")
            failure = failure or error
        self._end(failure)

    def _serve(self) -> BaseException | None:
        """Runs until the runner is closed and empty, or stopped; returns what it raised."""
        try:
            while self._stopped is None and self._runner.step(self._patience):
                self._runner.records.clear()
                if self.wakeups.flush():
                    # The tasks that were woken have their turn of the interpreter.
                    time.sleep(0)
        except BaseException as error:
            LOGGER.exception("the engine failed")
            return error
        return None

    def _fail_calls(self, failure: BaseException | None) -> None:
        for call in list(self._calls):
            call.fail(self._stopped or _lost(failure))

    def _end(self, failure: BaseException | None) -> None:
        with self._lock:
            self._ended = self._closed = True
            self._failure = failure
            over = self._over
        self._fail_calls(failure)
        self.room.close()
        for signal in over:
            signal.set()
        self.wakeups.flush()


def _lost(failure: BaseException | None) -> WorkerError:
    error = WorkerError(f"the engine failed: {failure!r}")
    error.__cause__ = failure
    return error


_LIVE: WeakSet[Service] = WeakSet()


@atexit.register
def _stop_all() -> None:
    """Ends every thread before the interpreter does."""
    for service in list(_LIVE):
        if service._process == os.getpid() and service._thread is not None:
            service.stop(ClosedError("the interpreter ends"))
            service.join(AT_EXIT)
