"""A correct batcher in plain Python: a heap, a lock and a thread. Slow, and short.

It shows that every check can pass. ``fault`` names one check and switches on the hole that this
check looks for, so that each check can be shown to fail.
"""

from __future__ import annotations

import asyncio
import heapq
import os
import threading
import time
import weakref
from collections.abc import Sequence
from concurrent.futures import Future, InvalidStateError
from dataclasses import dataclass, field
from typing import Any

from .subject import Function, Options

Loop = asyncio.AbstractEventLoop
# How long the worker waits for the callers just answered to ask again.
GRACE = 0.01


class FullError(Exception):
    """Raised if there is no room."""


class ClosedError(Exception):
    """Raised to callers of a batcher that has ended."""


@dataclass(order=True)
class Entry:
    """A request that waits; the lowest rank leaves first."""

    rank: int
    item: str = field(compare=False)
    at: float = field(compare=False)
    # The caller's event loop, if it has one.
    loop: Loop | None = field(compare=False)
    alone: bool = field(default=False, compare=False)
    future: Future[Any] = field(default_factory=Future, compare=False)


class Batcher:
    """The handle that callers hold: the thread knows only what it shares with it."""

    def __init__(self, function: Function, options: Options, fault: str = "") -> None:
        self.shared = Shared(function, options, fault)
        daemon = fault != "exits_while_open"
        threading.Thread(target=self.shared.work, daemon=daemon).start()
        if fault != "exits_while_open":
            weakref.finalize(self, self.shared.close, drop=fault == "forgotten").atexit = False

    def submit(self, item: str, *, urgent: bool = True) -> Future[Any]:
        return self.shared.submit(item, urgent)

    def close(self) -> None:
        self.shared.close(drop=self.shared.fault == "close_tells_all")


class Shared:
    """What the handle and the worker's thread share."""

    def __init__(self, function: Function, options: Options, fault: str) -> None:
        self.function, self.options, self.fault = function, options, fault
        self.changed = threading.Condition(threading.RLock())
        self.pid = os.getpid()
        self.waiting: list[Entry] = []
        # Requests accepted so far; those that take room; those answered.
        self.tickets = self.taken = self.answered = 0
        self.busy = self.closed = False
        self.loop: Loop | None = None

    # What callers do.

    def submit(self, item: str, urgent: bool) -> Future[Any]:
        if os.getpid() != self.pid and self.fault != "fork":
            raise ClosedError("the batcher belongs to another process")
        with self.changed:
            if self.closed:
                if self.fault == "call_after_close":
                    return Future()
                raise ClosedError("the batcher is closed")
            twin = self.twin(item)
            return twin if twin else self.accept(item, urgent)

    def accept(self, item: str, urgent: bool) -> Future[Any]:
        self.check_loop()
        capacity = self.options.capacity
        if capacity is not None and self.taken >= capacity and self.fault != "bounded":
            raise FullError(f"{self.taken} requests wait or run")
        entry = Entry(self.rank(item, urgent), item, time.monotonic(), asyncio._get_running_loop())
        entry.alone = self.leaves_alone()
        entry.future.add_done_callback(lambda _: self.free(entry))
        self.tickets += 1
        self.taken += 1
        heapq.heappush(self.waiting, entry)
        self.changed.notify_all()
        return entry.future

    def twin(self, item: str) -> Future[Any] | None:
        """Returns the future of an equal item, as a fault."""
        if self.fault != "equal_items":
            return None
        equal = (entry.future for entry in self.waiting if entry.item == item)
        return next((future for future in equal if not future.done()), None)

    def check_loop(self) -> None:
        """Refuses callers outside of the first loop, as two faults."""
        loop = asyncio._get_running_loop()
        self.loop = self.loop or loop
        if self.fault == "threads" and loop is None:
            raise RuntimeError("no running event loop")
        if self.fault == "second_loop" and self.loop is not None and self.loop.is_closed():
            raise RuntimeError("the event loop is closed")

    def rank(self, item: str, urgent: bool) -> int:
        """Orders requests by arrival; at most 64 later ones pass one of low priority."""
        if self.fault == "overtaking" and len(self.waiting) > 500:
            return -self.tickets
        if self.fault == "lone_length" and len(item) > 100:
            return self.tickets + 10**9
        return self.tickets + (0 if urgent else 10**9 if self.fault == "low_priority" else 64)

    def leaves_alone(self) -> bool:
        """Returns true if a request gets a batch of its own, as two faults."""
        if self.fault == "cut_while_busy":
            return self.busy and bool(self.options.max_wait)
        return self.fault == "closed_loop_fills" and not self.busy

    def free(self, entry: Entry) -> None:
        """Gives back the room of a request that ended."""
        kept = entry.future.cancelled() and self.fault == "room_of_cancelled"
        with self.changed:
            self.taken -= not kept

    def close(self, drop: bool) -> None:
        """Refuses new requests; those that wait are still computed, unless they are dropped."""
        with self.changed:
            self.closed = True
            if drop:
                self.waiting.clear()
            self.changed.notify_all()

    # What the worker does.

    def work(self) -> None:
        while batch := self.next_batch():
            try:
                self.run(batch)
            except InvalidStateError:
                continue  # the fault of `cancelled_while_running`

    def next_batch(self) -> list[Entry]:
        """Waits for a batch; returns none once the batcher is closed and no request waits."""
        with self.changed:
            self.busy = False
            self.let_ask_again()
            while True:
                self.wait_for_entries()
                batch = self.cut()
                if batch or (self.closed and not self.waiting):
                    self.busy = True
                    return batch

    def let_ask_again(self) -> None:
        """Waits for as many requests as were just answered, but not for long."""
        wanted = min(self.answered, self.options.batch_size)
        end = time.monotonic() + GRACE
        while len(self.waiting) < wanted and time.monotonic() < end and not self.closed:
            self.changed.wait(GRACE)
        self.answered = 0

    def wait_for_entries(self) -> None:
        while not self.waiting and not self.closed:
            polls = self.fault == "idle_cpu" and self.options.max_wait == 0
            self.changed.wait(0 if polls else None)
        self.wait_for_rows()

    def wait_for_rows(self) -> None:
        """Waits for more rows, as two faults: with a window for one row, or from the last one."""
        window = self.options.max_wait or 0
        if self.fault == "lone_request" and len(self.waiting) == 1:
            self.changed.wait(window)
        while self.fault == "wait_from_oldest" and 1 < len(self.waiting) < self.options.batch_size:
            rest = max(entry.at for entry in self.waiting) + window - time.monotonic()
            if rest <= 0:
                return
            self.changed.wait(rest)

    def cut(self) -> list[Entry]:
        """Takes the first rows that are not cancelled."""
        batch: list[Entry] = []
        while self.waiting and len(batch) < self.options.batch_size:
            if batch and (batch[-1].alone or self.waiting[0].alone):
                break
            entry = heapq.heappop(self.waiting)
            if self.is_wanted(entry):
                batch.append(entry)
        return batch

    def is_wanted(self, entry: Entry) -> bool:
        if self.fault == "cancelled_while_waiting":
            return True
        if self.fault == "cancelled_while_running":
            return not entry.future.cancelled()
        return entry.future.set_running_or_notify_cancel()

    def run(self, batch: list[Entry]) -> None:
        """Calls the function and tells each caller, whatever happens."""
        taken = self.taken
        try:
            outcomes: Sequence[Any] = self.results(batch)
        except Exception as error:
            outcomes = self.failed(batch, error)
        except BaseException as error:
            if self.fault == "base_exception":
                raise
            outcomes = [error] * len(batch)
        self.deliver(batch, outcomes)
        if self.fault == "room_of_failed" and isinstance(outcomes[0], ValueError):
            self.taken = taken

    def results(self, batch: list[Entry]) -> list[Any]:
        results = self.timed([entry.item for entry in batch])
        less, more = len(results) < len(batch), len(results) > len(batch)
        if (less and self.fault != "too_few_results") or (
            more and self.fault != "too_many_results"
        ):
            raise RuntimeError(
                f"the function returned {len(results)} results of {len(batch)} items"
            )
        return results

    def timed(self, items: list[str]) -> list[Any]:
        """Calls the function, in a thread that is left behind if it hangs."""
        timeout = self.options.worker_timeout
        if timeout is None or self.fault == "hung_worker":
            return self.function(items)
        future: Future[list[Any]] = Future()
        call = threading.Thread(target=lambda: future.set_result(self.function(items)), daemon=True)
        call.start()
        return future.result(timeout)

    def failed(self, batch: list[Entry], error: Exception) -> list[Any]:
        """Returns what the callers of a batch that raised get; ``isolate`` tries its halves."""
        if not self.options.isolate:
            swallowed = self.fault == "raised_error" and "refuses" in str(error)
            return [None if swallowed else error] * len(batch)
        if len(batch) == 1 or self.fault == "one_bad_item":
            return [error] * len(batch)
        half = len(batch) // 2
        return [outcome for part in (batch[:half], batch[half:]) for outcome in self.part(part)]

    def part(self, batch: list[Entry]) -> list[Any]:
        try:
            return self.results(batch)
        except Exception as error:
            return self.failed(batch, error)

    def deliver(self, batch: list[Entry], outcomes: Sequence[Any]) -> None:
        mixed = {entry.loop for entry in batch} - {batch[0].loop}
        if self.fault == "own_answers" and self.tickets > 400:
            outcomes = outcomes[::-1]
        for entry, outcome in zip(batch, outcomes, strict=False):
            if self.fault == "two_loops" and entry.loop in mixed and len(batch) > 2:
                outcome = RuntimeError("attached to a different loop")
            self.tell(entry, outcome)
        self.answered = len(batch)

    def tell(self, entry: Entry, outcome: Any) -> None:
        if entry.future.cancelled() and self.fault != "cancelled_while_running":
            return
        if not isinstance(outcome, BaseException) or self.is_value(outcome):
            entry.future.set_result(outcome)
        else:
            entry.future.set_exception(outcome)
        if self.fault == "busy_loop" and entry.loop is not None and not entry.loop.is_closed():
            asyncio.run_coroutine_threadsafe(asyncio.sleep(0), entry.loop).result()

    def is_value(self, outcome: BaseException) -> bool:
        """Returns true if a returned exception is handed over as a value, as a fault."""
        return self.fault == "returned_exception" and "no answer" in str(outcome)
