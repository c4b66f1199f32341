"""The workers of an async function: tasks of one event loop."""

from __future__ import annotations

import asyncio
import threading
import time
from asyncio.events import _get_running_loop
from typing import Any

from multibin.batcher._job import Job, Raised, raised
from multibin.batcher._runtime import LOGGER, Runtime
from multibin.errors import ClosedError, WorkerTimeoutError

__all__ = ["Tasks"]

STUCK = 0.05
"""Seconds without a step after which a home is left that others wait for."""


class Tasks:
    """Tasks that start when items wait and end when none do, so that an idle loop has none.

    They run in one loop, the home: that of the first call. The workers leave a home that is closed
    or stopped for the loop of the next call. One that is stuck they leave for a loop of the
    batcher. A call from a thread without a loop finds or starts that loop.
    """

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._lock = threading.Lock()
        self._home: asyncio.AbstractEventLoop | None = None
        self._own: OwnLoop | None = None
        self._free = list(range(len(runtime.calls)))
        self._tasks: dict[asyncio.Task[None], int] = {}
        self._jobs: dict[int, Job] = {}
        self._beats = 0
        """Counts the steps of the workers."""
        self._watch: threading.Timer | None = None

    def start(self) -> None:
        home = self._settled()
        if _get_running_loop() is home:
            self._spawn(home)
        else:
            if not self._tasks:
                home.call_soon_threadsafe(self._spawn, home)
            self._watch_home(home)

    def _watch_home(self, home: asyncio.AbstractEventLoop) -> None:
        """Looks soon, for a caller elsewhere, if the home takes a step: it may be stuck."""
        if self._watch is None and (self._own is None or home is not self._own.loop):
            watch = threading.Timer(STUCK, self._leave_stuck, (home, self._beats))
            watch.daemon = True
            self._watch = watch
            watch.start()

    def _leave_stuck(self, home: asyncio.AbstractEventLoop, beats: int) -> None:
        """Leaves a home that took no step and runs no batch, while items wait."""
        self._watch = None
        stuck = home is self._home and beats == self._beats and not self._jobs
        if stuck and self._runtime.lanes.has_waiting():
            self._move_to_own()

    def _move_to_own(self) -> None:
        with self._lock:
            self._own = self._own or OwnLoop(self._runtime.name)
            self._move(self._own.loop)
        self._own.loop.call_soon_threadsafe(self._spawn, self._own.loop)

    def _settled(self) -> asyncio.AbstractEventLoop:
        """Returns a home that runs."""
        with self._lock:
            home = self._home
            if home is None or not home.is_running():
                running = _get_running_loop()
                if running is None:
                    self._own = self._own or OwnLoop(self._runtime.name)
                    running = self._own.loop
                self._move(running)
                home = running
        return home

    def _move(self, home: asyncio.AbstractEventLoop) -> None:
        """Leaves a home that does not run."""
        self._home = home
        for job in self._jobs.values():
            self._give_back(job)
        self._jobs = {}
        self._tasks = {}
        self._free = list(range(len(self._runtime.calls)))

    def _give_back(self, job: Job) -> None:
        """Lets the rows of a batch wait for another loop, unless the batcher was dropped."""
        if self._runtime.dropped:
            job.fail(ClosedError(self._runtime.was_dropped))
        elif not job.abandoned:
            job.give_back()

    def _spawn(self, home: asyncio.AbstractEventLoop) -> None:
        """Starts a worker in the home, if one is free and something waits."""
        if home is self._home and self._free and self._runtime.lanes.has_waiting():
            number = self._free.pop()
            serve = self._serve(home, number)
            task = home.create_task(serve, context=self._runtime.context.copy())
            self._tasks[task] = number
            if not self._free:
                # Else a call comes here, to start another worker.
                self._runtime.attach(home)

    async def _serve(self, home: asyncio.AbstractEventLoop, number: int) -> None:
        """Runs batches until nothing waits."""
        task = asyncio.current_task()
        assert task is not None
        try:
            await self._run_all(home, number)
        except asyncio.CancelledError:
            # The loop ends: what waits may belong to other loops and threads.
            await asyncio.sleep(0)
            raise
        finally:
            if self._tasks.pop(task, None) is not None:
                self._free.append(number)
                self._runtime.detach()
            self._rest(home)

    async def _run_all(self, home: asyncio.AbstractEventLoop, number: int) -> None:
        taker = self._runtime.lanes.taker(number)
        while self._home is home and (job := taker.poll()) is not None:
            self._beats += 1
            if self._free:
                self._spawn(home)
            self._jobs[number] = job
            try:
                await self._run(job)
            finally:
                if not job.abandoned:
                    self._jobs.pop(number, None)
            # The callers that were answered have their turn: they may ask again.
            await asyncio.sleep(0)

    def _rest(self, home: asyncio.AbstractEventLoop) -> None:
        """Goes on if items came while a worker ended."""
        ended = self._home is not home or self._runtime.dropped
        if ended or self._tasks or not self._runtime.lanes.has_waiting():
            return
        if home.is_running() and not _is_cancelled():
            self._spawn(home)
        else:
            self._move_to_own()

    async def _run(self, job: Job) -> None:
        """Runs a batch; its callers get an answer whatever ends it."""
        began = time.perf_counter()
        try:
            outcome = await self._attempt(job, 0, len(job.rows))
            if self._runtime.options.isolate and raised(outcome):
                await self._isolate(job, outcome)
            else:
                job.settle(outcome)
        except (asyncio.CancelledError, GeneratorExit):
            self._give_back(job)
            raise
        except BaseException as error:
            job.fail(error)
            raise
        finally:
            self._runtime.finish(job, time.perf_counter() - began)

    async def _isolate(self, job: Job, outcome: Any) -> None:
        halves = job.halves(outcome)
        span = next(halves, None)
        while span is not None:
            outcome = await self._attempt(job, *span)
            try:
                span = halves.send(outcome)
            except StopIteration:
                return

    async def _attempt(self, job: Job, start: int, stop: int) -> Any:
        """Awaits the function; returns its result or the exception that it raised."""
        seconds = self._runtime.options.worker_timeout
        coroutine = self._runtime.attempt(job, start, stop)
        if isinstance(coroutine, Raised):
            return coroutine
        try:
            if seconds is None:
                return await coroutine
            return await self._within(coroutine, seconds)
        except asyncio.CancelledError as error:
            if _is_cancelled():
                raise
            return Raised(error)
        except (KeyboardInterrupt, SystemExit):
            raise
        except BaseException as error:
            if isinstance(error, GeneratorExit) and not self._is_worker():
                raise  # This coroutine is closed, by no task that runs it.
            return Raised(error)

    def _is_worker(self) -> bool:
        """Returns true in a task of this batcher."""
        return _get_running_loop() is not None and asyncio.current_task() in self._tasks

    async def _within(self, coroutine: Any, seconds: float) -> Any:
        """Awaits for some seconds; a call that takes longer is cancelled and left alone."""
        call = asyncio.ensure_future(coroutine)
        try:
            done, _ = await asyncio.wait({call}, timeout=seconds)
        except asyncio.CancelledError:
            call.cancel()
            raise
        if done:
            return await call
        call.cancel()
        call.add_done_callback(_retrieved)
        raise WorkerTimeoutError(f"the function took longer than worker_timeout = {seconds:g} s")

    def runs_in(self, loop: asyncio.AbstractEventLoop | None) -> bool:
        """Returns true if the batches run in this loop."""
        return loop is not None and loop is self._home

    def settle(self) -> None:
        """Gives what waits in a loop that stands still to one that runs."""
        if self._runtime.lanes.has_waiting() or self._jobs:
            self.start()

    def join(self, timeout: float | None) -> None:
        if self._own is not None:
            self._own.stop(timeout)
            self._own = None

    def abandon(self) -> None:
        if self._own is not None:
            self._own.stop(0)


class OwnLoop:
    """An event loop on a thread of a batcher, for callers without one."""

    def __init__(self, name: str) -> None:
        self.loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, name=f"{name}-loop", daemon=True)
        self._thread.start()
        running = threading.Event()
        self.loop.call_soon_threadsafe(running.set)
        running.wait()

    def _run(self) -> None:
        with asyncio.Runner(loop_factory=lambda: self.loop) as runner:
            runner.run(_forever())

    def stop(self, timeout: float | None) -> None:
        """Cancels what runs in the loop, and waits for its end."""

        def cancel() -> None:
            for task in asyncio.all_tasks(self.loop):
                task.cancel()

        try:
            self.loop.call_soon_threadsafe(cancel)
        except RuntimeError:  # It is closed.
            return
        if self._thread is not threading.current_thread():
            self._thread.join(timeout)


async def _forever() -> None:
    try:
        await asyncio.get_running_loop().create_future()
    except asyncio.CancelledError:
        return


def _is_cancelled() -> bool:
    """Returns true in a worker that is cancelled, as at the end of its loop."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


def _retrieved(call: asyncio.Future[Any]) -> None:
    """Retrieves the exception of a call that was given up."""
    if not call.cancelled() and call.exception() is not None:
        LOGGER.warning("a call that took too long raised %r", call.exception())
