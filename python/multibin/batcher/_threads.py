"""The workers of a function that is not async: threads."""

from __future__ import annotations

import threading
import time

from multibin.batcher._job import Job
from multibin.batcher._runtime import LOGGER, Runtime
from multibin.errors import WorkerError, WorkerTimeoutError

__all__ = ["Threads"]

TURN = 0.1
"""The share of a batch's seconds that a worker waits, at most, for the callers it answered."""
LEAST, MOST = 0.0002, 0.01
"""The bounds of that wait, in seconds."""


class Threads:
    """One thread a worker, started by the first call; they sleep without polling."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime, self._name = runtime, runtime.name
        self._lock = threading.Lock()
        self._threads: dict[int, threading.Thread] = {}
        seconds = runtime.options.worker_timeout
        self._watch = None if seconds is None else Watch(self, seconds)

    def start(self) -> None:
        with self._lock:
            if not self._threads:
                for number in range(len(self._runtime.calls)):
                    self._begin(number)
        self._runtime.attach()

    def _begin(self, number: int) -> None:
        thread = threading.Thread(
            target=self._runtime.context.copy().run,
            args=(self._serve, number),
            name=f"{self._name}-{number}",
            daemon=True,
        )
        self._threads[number] = thread
        thread.start()

    def _serve(self, number: int) -> None:
        """Runs batches; a worker that fails is replaced."""
        try:
            self._run_all(number)
        except BaseException:
            LOGGER.exception("a worker of %s failed: another one takes its place", self._name)
            with self._lock:
                self._begin(number)

    def _run_all(self, number: int) -> None:
        """Runs batches until the batcher is closed and nothing waits."""
        runtime = self._runtime
        runtime.measure(number)
        taker = runtime.lanes.taker(number)
        while (job := taker.wait()) is not None:
            began = time.perf_counter()
            self._run(job)
            if job.abandoned:
                return
            seconds = time.perf_counter() - began
            # The callers that were answered have their turn: first those in threads.
            time.sleep(0)
            job.rows.wait_turn(min(max(TURN * seconds, LEAST), MOST))
            del job

    def _run(self, job: Job) -> None:
        if self._watch is not None:
            self._watch.begin(job)
        try:
            self._runtime.run(job)
        except BaseException as error:
            job.fail(WorkerError(f"the worker failed: {error!r}"))
            job.batch.done()
            raise
        finally:
            if self._watch is not None:
                self._watch.end(job)

    def replace(self, job: Job, error: WorkerTimeoutError) -> None:
        """Gives up the worker of a batch, fails its callers, and starts another worker."""
        # First: a caller that is told may close, which waits for the workers there are then.
        try:
            with self._lock:
                self._begin(job.worker)
        finally:
            job.fail(error)
            job.batch.done()
            self._runtime.lanes.ended(job.lane)

    def is_in_batch(self) -> bool:
        thread = threading.current_thread()
        return thread in self._threads.values() or (
            self._watch is not None and self._watch.is_current(thread)
        )

    def settle(self) -> None:
        """Does nothing: a thread runs until it ends."""

    def join(self, timeout: float | None) -> None:
        deadline = None if timeout is None else time.monotonic() + timeout
        for thread in list(self._threads.values()):
            if thread is not threading.current_thread():
                left = None if deadline is None else max(0.0, deadline - time.monotonic())
                thread.join(left)
        if self._watch is not None:
            self._watch.stop()

    def abandon(self) -> None:
        if self._watch is not None:
            self._watch.stop()


class Watch:
    """Gives up workers that run one batch longer than ``worker_timeout``."""

    def __init__(self, threads: Threads, seconds: float) -> None:
        self._threads, self._seconds = threads, seconds
        self._changed = threading.Condition()
        self._jobs: dict[int, tuple[float, Job]] = {}
        self._thread: threading.Thread | None = None
        self._stopped = False

    def begin(self, job: Job) -> None:
        with self._changed:
            self._jobs[id(job)] = (time.monotonic() + self._seconds, job)
            if self._thread is None:
                self._thread = threading.Thread(
                    target=self._run, name="multibin-watch", daemon=True
                )
                self._thread.start()
            elif len(self._jobs) == 1:
                self._changed.notify()

    def end(self, job: Job) -> None:
        with self._changed:
            self._jobs.pop(id(job), None)

    def is_current(self, thread: threading.Thread) -> bool:
        """Returns true for the thread that fails the callers of a worker that it gave up."""
        return thread is self._thread

    def stop(self) -> None:
        with self._changed:
            self._stopped = True
            self._changed.notify()

    def _run(self) -> None:
        while True:
            with self._changed:
                if self._stopped:
                    return
                late = self._late()
                if not late:
                    self._changed.wait(self._pause())
            while late:
                message = f"the function took longer than worker_timeout = {self._seconds:g} s"
                self._threads.replace(late.pop(0), WorkerTimeoutError(message))

    def _late(self) -> list[Job]:
        """Takes the batches whose time is over."""
        now = time.monotonic()
        late = [job for deadline, job in self._jobs.values() if deadline <= now]
        for job in late:
            job.abandoned = True
            self._jobs.pop(id(job))
        return late

    def _pause(self) -> float | None:
        """Returns the seconds until the first deadline; ``None``: nothing runs."""
        if not self._jobs:
            return None
        return max(0.0, min(deadline for deadline, _ in self._jobs.values()) - time.monotonic())
