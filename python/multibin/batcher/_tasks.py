"""The workers of an async function: tasks of one event loop."""

from __future__ import annotations

import asyncio
import sys
import threading
import time
from asyncio.events import _get_running_loop
from collections.abc import Callable
from typing import Any

from multibin.batcher._job import Job, Raised, raised
from multibin.batcher._runtime import LOGGER, Runtime
from multibin.errors import WorkerTimeoutError

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
        # Reentrant: the garbage collector may end a home while this thread holds it.
        self._lock = threading.RLock()
        self._home: asyncio.AbstractEventLoop | None = None
        self._own: OwnLoop | None = None
        self._free = list(range(len(runtime.calls)))
        self._tasks: dict[asyncio.Task[None], int] = {}
        """The workers of the home. A task of an earlier home is none, and ends."""
        self._limited: set[asyncio.Future[Any]] = set()
        """Calls of the function that have a ``worker_timeout``: tasks of their own."""
        self._jobs: dict[int, Job] = {}
        self._beats = 0
        """Counts the steps of the workers."""
        self._watch: threading.Timer | None = None

    def start(self) -> None:
        home = self._settled()
        if _get_running_loop() is home:
            self._spawn(home)
            return
        if self._free:
            self._post(home)
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

    def _settled(self) -> asyncio.AbstractEventLoop:
        """Returns a home that runs."""
        left: list[Job] = []
        with self._lock:
            home = self._home
            if home is None or not home.is_running():
                home = _get_running_loop() or self._own_loop()
                left = self._move(home)
        self._give_back(left)
        return home

    def _own_loop(self) -> asyncio.AbstractEventLoop:
        if self._own is None or not self._own.loop.is_running():
            self._own = OwnLoop(self._runtime.name)
        return self._own.loop

    def _move(self, home: asyncio.AbstractEventLoop) -> list[Job]:
        """Leaves a home that does not run; returns the batches that it did not end."""
        left = list(self._jobs.values())
        self._home, self._jobs, self._tasks = home, {}, {}
        self._free = list(range(len(self._runtime.calls)))
        return left

    def _give_back(self, jobs: list[Job]) -> None:
        for job in jobs:
            job.give_back()

    def _post(self, home: asyncio.AbstractEventLoop) -> None:
        """Has the home start a worker, from another thread."""
        spawning = Spawning(self, home)
        try:
            home.call_soon_threadsafe(spawning)
        except RuntimeError:  # It was closed since: the end of the call looks for another home.
            return

    def _spawn(self, home: asyncio.AbstractEventLoop) -> None:
        """Starts a worker in the home, if one is free and something waits."""
        if home is self._home and self._free and self._runtime.lanes.has_waiting():
            # In turn: only the worker that left an unfinished item may be able to go on with it.
            number = self._free.pop(0)
            serve = self._serve(home, number)
            task = home.create_task(serve, context=self._runtime.context.copy())
            self._tasks[task] = number
            task.add_done_callback(self._ended)
            if not self._free:
                # Else a call comes here, to start another worker.
                self._runtime.attach(home)

    async def _serve(self, home: asyncio.AbstractEventLoop, number: int) -> None:
        """Runs batches until nothing waits."""
        task = asyncio.current_task()
        assert task is not None
        try:
            await self._run_all(task, home, number)
        except asyncio.CancelledError:
            # The loop ends: what waits may belong to other loops and threads.
            await asyncio.sleep(0)
            raise
        finally:
            self._leave(task)
            self.rest(home, ends=_get_running_loop() is not home or _is_cancelled())

    def _leave(self, task: asyncio.Task[None]) -> None:
        """Notes that a worker has ended."""
        number = self._tasks.pop(task, None)
        if number is not None:
            self._free.append(number)
            self._runtime.detach()

    def _ended(self, task: asyncio.Task[None]) -> None:
        """Goes on after a worker that was cancelled before its first step."""
        if task in self._tasks:
            self._leave(task)
            self.rest(task.get_loop(), ends=True)

    async def _run_all(
        self, task: asyncio.Task[None], home: asyncio.AbstractEventLoop, number: int
    ) -> None:
        taker = self._runtime.lanes.taker(number)
        while task in self._tasks and (job := taker.poll()) is not None:
            self._beats += 1
            if self._free:
                self._spawn(home)
            self._jobs[number] = job
            try:
                await self._run(job)
            finally:
                if self._jobs.get(number) is job:
                    del self._jobs[number]
            # The callers that were answered have their turn: they may ask again.
            await asyncio.sleep(0)

    def rest(self, home: asyncio.AbstractEventLoop, ends: bool) -> None:
        """Goes on if items wait that no worker of the home will take, elsewhere if that ends."""
        if self._home is not home or self._tasks or not self._runtime.lanes.has_waiting():
            return
        if self._runtime.ended:
            self._runtime.fail_waiting()
        elif not ends:
            self._spawn(home)
        else:
            self._move_to_own()

    def _move_to_own(self) -> None:
        """Goes on in a loop of the batcher."""
        with self._lock:
            own = self._own_loop()
            left = self._move(own)
        self._give_back(left)
        self._post(own)

    async def _run(self, job: Job) -> None:
        """Runs a batch; its callers get an answer whatever ends it."""
        self._runtime.begin(job)
        began = time.perf_counter()
        try:
            outcome = await self._attempt(job, 0, len(job.rows))
            if self._runtime.options.isolate and raised(outcome):
                await self._isolate(job, outcome)
            else:
                job.settle(outcome)
        except (asyncio.CancelledError, GeneratorExit):
            self._runtime.leave(job)
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
            if job.abandoned:
                return
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

    def is_in_batch(self) -> bool:
        return self._is_worker() or (
            _get_running_loop() is not None and asyncio.current_task() in self._limited
        )

    async def _within(self, coroutine: Any, seconds: float) -> Any:
        """Awaits for some seconds; a call that takes longer is cancelled and left alone."""
        call = asyncio.ensure_future(coroutine)
        self._limited.add(call)
        try:
            done, _ = await asyncio.wait({call}, timeout=seconds)
        except asyncio.CancelledError:
            call.cancel()
            raise
        finally:
            self._limited.discard(call)
        if done:
            return await call
        call.cancel()
        call.add_done_callback(_retrieved)
        raise WorkerTimeoutError(f"the function took longer than worker_timeout = {seconds:g} s")

    def settle(self) -> None:
        """Gives what waits in a loop that stands still to one that runs."""
        if self._runtime.lanes.has_waiting() or self._jobs:
            self.start()

    def join(self, timeout: float | None) -> None:
        own, self._own = self._own, None
        if own is not None:
            own.stop(timeout)

    def abandon(self) -> None:
        if self._own is not None:
            self._own.stop(0)


class Spawning:
    """A call that starts a worker in its home. If the home ends first, another home goes on."""

    def __init__(self, tasks: Tasks, home: asyncio.AbstractEventLoop) -> None:
        self._tasks, self._home, self._called = tasks, home, False

    def __call__(self) -> None:
        self._called = True
        self._tasks._spawn(self._home)

    def __del__(self, is_finalizing: Callable[[], bool] = sys.is_finalizing) -> None:
        if not self._called and not is_finalizing():
            self._tasks.rest(self._home, ends=True)


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
