"""Which requests run next: batches that run to their end or limit, or refill row by row."""
# ruff: noqa: ARG002 -- the two kinds of admission take the same arguments

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from time import perf_counter
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

import multibin
from multibin.llm._engine.request import Request
from multibin.llm._engine.rows import Row
from multibin.llm._engine.schedule import Policy
from multibin.llm._outputs import BatchRecord

PAUSE = 0.1
"""Seconds after which cancellations are looked at again while no batch is full."""


@dataclass
class Work:
    """What was done so far."""

    prefills: int = 0
    """Prompt passes."""
    prefill_tokens: int = 0
    """Tokens in prompt passes."""
    steps: int = 0
    """Decode steps."""
    rows_computed: int = 0
    """Rows summed over all passes."""
    preempted: int = 0
    """Running rows that lost their slot to another."""
    positions_used: int = 0
    """Positions cached, summed over rows and decode steps."""
    positions_allocated: int = 0
    """Positions of slots, summed over rows and decode steps."""

    def prefilled(self, rows: int, tokens: int) -> None:
        """Counts a prompt pass."""
        self.prefills += 1
        self.rows_computed += rows
        self.prefill_tokens += tokens

    def decoded(self, rows: Sequence[Row]) -> None:
        """Counts a decode step."""
        self.steps += 1
        self.rows_computed += len(rows)
        self.positions_used += sum(row.cached for row in rows)
        self.positions_allocated += sum(row.capacity for row in rows)


class Admitted(NamedTuple):
    """What the scheduler gave."""

    rows: Sequence[tuple[int, int | None]] = ()
    """Keys, each with the most tokens that it generates now; None: no limit."""
    expired: Sequence[int] = ()
    """Keys of requests that expired."""
    is_open: bool = True
    """Whether the scheduler may give more."""


class Admissions(Protocol):
    """Takes requests from a scheduler and says when they have left."""

    def lengths(self, predicted: NDArray[np.int64]) -> NDArray[np.int64]:
        """Returns the lengths by which requests are submitted."""
        ...

    def take(self, room: int, active: int, timeout: float | None) -> Admitted:
        """Returns requests to run now.

        Args:
            room: rows that may join.
            active: rows that run or are about to.
            timeout: seconds to wait if nothing is active; None: without end.
        """
        ...

    def joined(self, key: int, request: Request | None) -> None:
        """Notes the request of a key that was taken; None: it has ended before."""
        ...

    def left(self, request: Request) -> None:
        """Notes that a request ended, or reached its limit."""
        ...

    def settle(self, active: int) -> None:
        """Ends a batch whose rows have all left; unfinished ones are resubmitted."""
        ...


class Batches:
    """Runs the scheduler's batches one after another; unfinished rows climb."""

    def __init__(self, scheduler: multibin.Scheduler, work: Work) -> None:
        self._worker = scheduler.worker()
        self._work = work
        self._batch: multibin.Batch | None = None
        self._rows: list[Request | None] = []
        self.records: list[BatchRecord] = []

    def lengths(self, predicted: NDArray[np.int64]) -> NDArray[np.int64]:
        """Returns the lengths by which requests are submitted."""
        return predicted

    def take(self, room: int, active: int, timeout: float | None) -> Admitted:
        """Returns a batch if none runs; `room` does not matter, rows may join one by one."""
        if self._batch is not None:
            return Admitted()
        try:
            batch = self._worker.next_batch(timeout)
        except TimeoutError:
            return Admitted()
        except multibin.ClosedError:
            return Admitted(is_open=False)
        self._batch, self._rows = batch, []
        self._begun, self._before = perf_counter(), replace(self._work)
        rows = [(key, batch.limit) for key in batch.keys.tolist()]
        return Admitted(rows, batch.expired.tolist())

    def joined(self, key: int, request: Request | None) -> None:
        """Notes the request of a key that was taken; None: it has ended before."""
        self._rows.append(request)
        if request is not None:
            request.progress = len(request.tokens)

    def left(self, request: Request) -> None:
        """Has nothing to do: `settle` looks at all rows."""

    def settle(self, active: int) -> None:
        """Ends a batch whose rows have all left; unfinished ones are resubmitted."""
        if self._batch is None or active:
            return
        with self._batch as batch:
            rows = [(at, row) for at, row in enumerate(self._rows) if row is not None]
            if rows:
                self.records.append(self._record(batch, [row for _, row in rows]))
            climbers = [(at, len(row.tokens)) for at, row in rows if row.finish_reason is None]
            if climbers:
                positions, progress = zip(*climbers, strict=True)
                batch.resubmit(list(positions), progress=list(progress))
        self._batch, self._rows = None, []

    def _record(self, batch: multibin.Batch, rows: Sequence[Request]) -> BatchRecord:
        work, before = self._work, self._before
        return BatchRecord(
            bin=batch.bin,
            reason=batch.reason,
            limit=batch.limit,
            keys=tuple(row.key for row in rows),
            progress=tuple(row.progress for row in rows),
            tokens=tuple(len(row.tokens) - row.progress for row in rows),
            prefills=work.prefills - before.prefills,
            decode_steps=work.steps - before.steps,
            rows_computed=work.rows_computed - before.rows_computed,
            started=self._begun,
            finished=perf_counter(),
        )


class Refill:
    """Replaces rows that have ended every few steps: each request is a lease of its own."""

    def __init__(
        self,
        scheduler: multibin.Scheduler,
        work: Work,
        every: int,
        longest: int | None,
        *,
        ages: bool,
    ) -> None:
        self._worker = scheduler.worker()
        self._work = work
        self._every = every
        self._longest = longest
        self._ages = ages
        self._last = 0
        self._leases: dict[int, multibin.Batch] = {}
        self.records: list[BatchRecord] = []
        """None: rows do not form batches."""

    def lengths(self, predicted: NDArray[np.int64]) -> NDArray[np.int64]:
        """Returns lengths of which the shortest is first: what the longest prediction leaves.

        With ageing these are the predictions, as a priority weighs by length.
        """
        if self._ages:
            return predicted
        if self._longest is None:
            return predicted
        return np.maximum(self._longest - predicted, 0)

    def take(self, room: int, active: int, timeout: float | None) -> Admitted:
        """Returns as many requests as there is room for, every few steps."""
        due = not active or self._work.steps - self._last >= self._every
        rows: list[tuple[int, int | None]] = []
        expired: list[int] = []
        is_open = True
        while due and len(rows) < room:
            try:
                batch = self._worker.next_batch(0 if active or rows else timeout)
            except TimeoutError:
                break
            except multibin.ClosedError:
                is_open = False
                break
            expired += batch.expired.tolist()
            keys = batch.keys.tolist()
            if not keys:
                batch.done()
                break
            self._leases.update((key, batch) for key in keys)
            rows += [(key, None) for key in keys]
        if due:
            self._last = self._work.steps
        return Admitted(rows, expired, is_open)

    def joined(self, key: int, request: Request | None) -> None:
        """Ends the lease of a key whose request has ended before."""
        if request is None:
            self._leases.pop(key).done()

    def left(self, request: Request) -> None:
        """Ends the lease of a request."""
        lease = self._leases.pop(request.key, None)
        if lease is not None:
            lease.done()

    def settle(self, active: int) -> None:
        """Has nothing to do: each lease ends with its request."""


def admissions(policy: Policy, scheduler: multibin.Scheduler, work: Work) -> Batches | Refill:
    """Returns what takes requests from the scheduler of a policy."""
    if policy.scheduling != "continuous":
        return Batches(scheduler, work)
    longest = scheduler.edges.bounds[-1].item() if len(scheduler.edges) > 1 else None
    every, ages = int(policy.refill_every), policy.ageing is not None
    return Refill(scheduler, work, every, longest, ages=ages)
