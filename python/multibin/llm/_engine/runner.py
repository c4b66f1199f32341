"""Runs the requests of one scheduler on the model: admission, prompt passes, decode steps."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack
from time import perf_counter
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

import multibin
from multibin.llm._engine.admissions import PAUSE, Work, admissions
from multibin.llm._engine.executor import Executor
from multibin.llm._engine.joining import HEADROOM, PATIENCE, Joining, Part, slot_for
from multibin.llm._engine.request import Request
from multibin.llm._engine.sampling import Sampler, Step
from multibin.llm._engine.schedule import Policy
from multibin.llm._load.failures import is_out_of_memory
from multibin.llm._outputs import BatchRecord, FinishReason


class Runner:
    """Runs the requests of one scheduler. `submit` and `cancel` may be called by any thread.

    A request waits in the scheduler, then for memory and its prompt (`joining`). Then it decodes
    (`running`) until it ends or reaches the limit of its batch. `step` does one piece of work.
    Use it as a context manager in the thread that calls `step`.
    """

    def __init__(self, executor: Executor, policy: Policy, scheduler: multibin.Scheduler) -> None:
        self.executor = executor
        self.policy = policy
        self.scheduler = scheduler
        self.work = Work()
        self._requests: dict[int, Request] = {}
        self._cancelled: deque[Request] = deque()
        self._running: list[Request] = []
        """In the order in which they joined."""
        self._loaded: list[Request] = []
        """Those of `_sampler`, in the order of their slots."""
        self._joining = Joining(executor, policy.pass_tokens(executor.model.device))
        self._admissions = admissions(policy, scheduler, self.work)
        self._sampler: Sampler | None = None
        """For the rows that are loaded; None: rows joined, left or moved since."""
        self._version = -1
        self._slack = 0
        """Steps until the first running row needs a larger slot."""
        self._most_rows = policy.batch_size
        """Fewer than the batch size after a lack of memory in a step."""
        self._decoded = True
        """Whether the last pass was a decode step: prompts and steps take turns."""
        self._expires = False
        self._stack = ExitStack()

    def __enter__(self) -> Runner:
        self._stack.enter_context(self.executor.running())
        return self

    def __exit__(self, *_: object) -> None:
        try:
            self.abort()
        finally:
            self._stack.close()

    @property
    def records(self) -> list[BatchRecord]:
        """Returns the batches that ran; none in continuous mode."""
        return self._admissions.records

    def submit(
        self,
        requests: Sequence[Request],
        lengths: NDArray[np.int64],
        *,
        priorities: ArrayLike | None = None,
        ttls: ArrayLike | None = None,
    ) -> None:
        """Accepts requests: all of them, or none.

        Args:
            requests: new ones, each with a key of its own.
            lengths: predicted output tokens, one a request.
            priorities: 0 is the most urgent, one a request.
            ttls: seconds after which a waiting request expires, one a request.

        Raises:
            FullError: the scheduler is at capacity.
            ClosedError: the scheduler is closed.
            ValueError: a request can never fit into the memory for keys and values.
        """
        several = bool(requests) and requests[-1].sample.prompt > 0
        for request in requests:
            name = f"prompts[{request.sample.prompt}]" if several else "the prompt"
            self.executor.check_fits(len(request.prompt_tokens), request.budget, name)
        now = perf_counter()
        for request, length in zip(requests, lengths.tolist(), strict=True):
            request.arrival_time, request.length = now, length
        self._expires |= ttls is not None
        self._requests.update((request.key, request) for request in requests)
        keys = np.array([request.key for request in requests], dtype=np.uint64)
        try:
            first = self.scheduler.submit_many(
                keys, self._admissions.lengths(lengths), priorities=priorities, ttls=ttls
            )
        except BaseException as error:
            self._withdraw(requests, error)
            raise
        for ticket, request in enumerate(requests, first):
            request.ticket = ticket

    def _withdraw(self, requests: Sequence[Request], error: Any) -> None:
        """Takes back what a failed call has submitted."""
        accepted = getattr(error, "accepted", 0)
        for at, request in enumerate(requests):
            if at < accepted and not self.scheduler.cancel(error.first + at):
                # It has been taken, and leaves at the next step.
                request.listener = None
                self._cancelled.append(request)
            else:
                self._requests.pop(request.key, None)

    def cancel(self, request: Request) -> None:
        """Ends a request: at once if it waits for its first batch, else at the next step."""
        waits = request.ticket is not None and not request.tokens
        if waits and self.scheduler.cancel(request.ticket):  # type: ignore[arg-type]
            if self._requests.pop(request.key, None) is not None:
                request.finish("abort")
            return
        self._cancelled.append(request)

    def close(self) -> None:
        """Accepts no further requests; accepted ones run on."""
        self.scheduler.close()

    def step(self, timeout: float | None = None) -> bool:
        """Does one piece of work: a prompt pass or a decode step, with what must go before.

        Args:
            timeout: seconds to wait for requests if none runs; None: without end.

        Returns:
            False if the scheduler is closed and every request has ended.
        """
        # Listeners that were told of an end do not wait until more requests come.
        is_open = self._admit(0 if self._obey() else timeout)
        room = self._most_rows - len(self._running)
        ready = self._joining.ready(room)
        if ready:
            self._running += ready
            self._sampler = None
        parts = self._joining.next_pass(room - len(ready))
        if parts and (self._decoded or not self._running):
            self._decoded = False
            self._try(self._prompt_pass, parts)
        elif self._running:
            self._decoded = True
            self._try(self._decode_step)
        elif self._joining and not self._free_up():
            # It has no room even alone, as the arena could not grow to its budget.
            first = self._joining.first
            self._fail(first, self.executor.lack(slot_for(first)))
        self._admissions.settle(self._active)
        return is_open or bool(self._requests)

    def abort(self) -> None:
        """Ends every unfinished request, and frees all slots, also of an interrupted step."""
        self.scheduler.close()
        self._running, self._sampler = [], None
        self._joining.clear()
        self.executor.memory.clear()
        for key in list(self._requests):
            if (request := self._requests.pop(key, None)) is not None:
                if request.ticket is not None:
                    self.scheduler.cancel(request.ticket)
                self._tell_end(request, "abort")
                self._admissions.left(request)
        self._admissions.settle(0)

    @property
    def _active(self) -> int:
        """Returns the requests that run or are about to."""
        return len(self._running) + len(self._joining)

    def _obey(self) -> bool:
        """Ends requests that were cancelled or have expired; returns whether any were."""
        before = len(self._requests)
        while self._cancelled:
            self._end(self._cancelled.popleft(), "abort")
        if self._expires:
            self._expire(self.scheduler.expired()[0].tolist())
        return len(self._requests) < before

    def _admit(self, timeout: float | None) -> bool:
        """Takes requests from the scheduler; returns false once there will be no more."""
        if self._requests:
            # A request that waits for others to fill its batch may be cancelled meanwhile.
            timeout = PAUSE if timeout is None else min(timeout, PAUSE)
        room = self._most_rows - self._active
        admitted = self._admissions.take(room, self._active, timeout)
        self._expire(admitted.expired)
        for key, limit in admitted.rows:
            request = self._requests.get(key)
            self._admissions.joined(key, request)
            if request is not None:
                more = request.budget if limit is None else limit
                request.end = min(request.budget, len(request.tokens) + more)
                self._joining.add(request)
        return admitted.is_open

    def _expire(self, keys: Iterable[int]) -> None:
        for key in keys:
            if key in self._requests:
                self._end(self._requests[key], "expired")

    def _try(self, work: Callable[..., None], *arguments: Any) -> None:
        """Does a pass; an exception ends the requests in it, a lack of memory makes it smaller."""
        parts: Sequence[Part] = arguments[0] if arguments else ()
        try:
            work(*arguments)
        except Exception as error:
            if is_out_of_memory(error) and self._shrink(parts):
                return
            for request in [part.request for part in parts] or list(self._running):
                self._fail(request, error)

    def _shrink(self, parts: Sequence[Part]) -> bool:
        """Makes later passes smaller after a lack of memory; returns whether it could."""
        if parts:
            return self._joining.shrink(parts)
        self._most_rows = max(1, len(self._running) // 2)
        victims = self._running[self._most_rows :]
        if victims and self.executor.model.keeps_state:
            # The step may have changed some of the states: all rows are computed again.
            victims = list(self._running)
            for request in victims:
                request.row.cached = 0
        for request in reversed(victims):
            self._preempt(request)
        return bool(victims)

    def _prompt_pass(self, parts: Sequence[Part]) -> None:
        begin = perf_counter()
        whole = parts[0].request.params.prompt_logprobs is not None and parts[0].is_new
        logits = self.executor.prompts([part.chunk for part in parts], every=whole)
        count = sum(len(part.chunk.tokens) for part in parts)
        self.work.prefilled(len(parts), count)
        if whole:
            parts[0].request.take_prompt_logits(logits)
            logits = logits[-1:]
        fresh = [at for at, part in enumerate(parts) if part.is_last and part.is_new]
        new = [parts[at].request for at in fresh]
        # After an error so far, all parts are as they were.
        sampler = Sampler(new, self.executor.model.device)
        if new:
            sampler(logits[fresh])
        steps = sampler.read() if new else []
        for part in parts:
            self._joining.done(part)
        self._joining.grow()
        self._running += [part.request for part in parts if part.is_last]
        self._sampler = None
        if fresh:
            self.executor.memory.costs.prefilled(count, perf_counter() - begin)
        self._take(new, steps)

    def _decode_step(self) -> None:
        self._enlarge()
        if not self._running:
            return
        if self._sampler is None or self._version != self.executor.memory.version:
            self._load()
        sampler, rows = self._sampler, self._loaded
        assert sampler is not None
        self.executor.feed(sampler(self.executor.decode()))
        for request in rows:
            request.row.cached += 1
        self.work.decoded([request.row for request in rows])
        self._slack -= 1
        if self.work.steps % PATIENCE == 0:
            self._most_rows = min(self._most_rows + 1, self.policy.batch_size)
        # The one wait for the device in a step.
        self._take(rows, sampler.read())

    def _load(self) -> None:
        """Brings the running rows together and sets them to decode."""
        self.executor.arrange([request.row for request in self._running])
        self._loaded = sorted(self._running, key=lambda one: (one.row.capacity, one.row.start))
        rows = [request.row for request in self._loaded]
        self.executor.load(rows, [request.tokens[-1] for request in self._loaded])
        self._sampler = Sampler(self._loaded, self.executor.model.device)
        self._version = self.executor.memory.version
        self._slack = min(row.capacity - row.cached for row in rows)

    def _take(self, requests: Sequence[Request], steps: Sequence[Step]) -> None:
        """Gives each row its token; rows that end, or reach their limit, leave."""
        now = perf_counter()
        for request, step in zip(requests, steps, strict=True):
            if not request.tokens:
                request.first_token_time = now
            try:
                ended = request.push(step.token, step.logprobs)
                if not ended:
                    request.notify()
            except Exception as error:
                self._fail(request, error)
                continue
            if ended:
                self._end(request)
            elif len(request.tokens) == request.end:
                self._leave_at_limit(request)

    def _leave_at_limit(self, request: Request) -> None:
        self._running.remove(request)
        self._sampler = None
        if self.policy.overrun == "recompute":
            self.executor.memory.drop(request.row)
        else:
            self.executor.memory.park(request.row)
        self._admissions.left(request)

    def _fail(self, request: Request, error: Exception) -> None:
        """Ends a request for an error, if it has not ended."""
        if request.key in self._requests:
            request.error = error
            self._end(request, "error")

    def _end(self, request: Request, reason: FinishReason | None = None) -> None:
        """Ends a request, frees its slot, and tells its listener."""
        if request.key not in self._requests:
            return
        if request in self._running:
            self._running.remove(request)
            self._sampler = None
        self._joining.remove(request)
        self._joining.release(request)
        if reason == "abort" and request.ticket is not None:
            # It may wait in the scheduler for another batch, and counts there.
            self.scheduler.cancel(request.ticket)
        if reason is None:
            self.executor.observe(len(request.prompt_tokens), len(request.tokens))
            if self.policy.adapts:
                self.scheduler.observe(request.length, len(request.tokens))
        self._admissions.left(request)
        self._tell_end(request, reason)
        # Last: after an interrupt so far, `abort` ends it.
        self._requests.pop(request.key, None)

    def _tell_end(self, request: Request, reason: FinishReason | None) -> None:
        try:
            request.finish(reason)
        except Exception as error:
            # The error of a listener is that of its request alone.
            request.error = request.error or error

    def _enlarge(self) -> None:
        """Gives each running row a slot for its next position; some may lose theirs to others."""
        if self._slack > 0 and self._sampler is not None:
            return
        for request in list(self._running):
            row = request.row
            while request in self._running and row.cached >= row.capacity:
                final = len(request.prompt_tokens) + request.budget - 1
                if self.executor.memory.climb(row, min(final, row.cached + 1 + HEADROOM)):
                    self._sampler = None
                else:
                    self._free_up()

    def _free_up(self) -> bool:
        """Takes the slot of the row that joined last, for another; returns false if none has one.

        Running rows are taken after all that do not run yet.
        """
        placed = self._joining.placed()
        if placed:
            self.executor.memory.evict(placed[-1].row)
        elif self._running:
            self._preempt(self._running[-1])
        else:
            return False
        return True

    def _preempt(self, request: Request) -> None:
        """Stops a running row; it goes on when there is room."""
        self._running.remove(request)
        self._sampler = None
        self.executor.memory.evict(request.row)
        self._joining.add_first(request)
        self.work.preempted += 1

    def stats(self) -> dict[str, Any]:
        """Returns counts of rows, slots, passes and moves."""
        return {
            "rows_running": len(self._running),
            "rows_joining": len(self._joining),
            **vars(self.work),
            **self.executor.memory.stats(),
        }
