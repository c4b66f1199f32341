"""Runs a saturated server step by step: rows join while they fit, grow, climb and leave."""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from benches.kv_memory.memory import Memory, Row
from benches.kv_memory.traffic import Rows


@dataclass(frozen=True)
class Outcome:
    """How many steps all rows took, how many ran on average, and how often one was parked."""

    steps: int
    resident: float
    parked: int


class Server:
    """Runs all rows of a trace that waits from the start.

    A row that needs room which the memory lacks parks the row that arrived last, itself perhaps.
    A parked row waits before all others. Nothing joins in a step that parks.
    """

    def __init__(
        self, rows: Rows, memory: Memory, finished: Callable[[int, int], None] | None = None
    ) -> None:
        self._rows, self._memory, self._finished = rows, memory, finished
        pairs = zip(rows.prompts.tolist(), rows.outputs.tolist(), strict=True)
        self._waiting = deque(Row(i, *pair) for i, pair in enumerate(pairs) if pair[1])
        self._running: dict[int, Row] = {}
        self._events: list[tuple[int, int, int]] = []
        self._parked = 0

    def run(self) -> Outcome:
        """Returns what happened until the last row left."""
        now = row_steps = 0
        self._admit(now)
        while self._running:
            before, now = now, self._events[0][0]
            row_steps += len(self._running) * (now - before)
            if not self._serve(now):
                self._admit(now)
        assert not self._waiting
        return Outcome(now, row_steps / now, self._parked)

    def _serve(self, now: int) -> bool:
        """Lets rows leave and grow at a step; returns true if one was parked."""
        growing, parked = [], self._parked
        while self._events and self._events[0][0] == now:
            _, number, since = heapq.heappop(self._events)
            row = self._running.get(number)
            if row is None or row.since != since:
                continue
            self._advance(row, now)
            if row.steps:
                growing.append(row)
            else:
                self._leave(row)
        for row in growing:
            self._grow(row, now)
        return self._parked > parked

    def _grow(self, row: Row, now: int) -> None:
        while row.number in self._running:
            if self._memory.grow(row):
                self._expect(row)
                return
            last = self._running[max(self._running)]
            self._advance(last, now)
            self._memory.remove(last)
            del self._running[last.number]
            self._waiting.appendleft(last)
            self._parked += 1

    def _leave(self, row: Row) -> None:
        self._memory.remove(row)
        del self._running[row.number]
        if self._finished is not None:
            prompt = int(self._rows.prompts[row.number])
            self._finished(prompt, int(self._rows.outputs[row.number]))

    def _admit(self, now: int) -> None:
        while self._waiting and self._memory.admit(self._waiting[0]):
            row = self._waiting.popleft()
            row.since = now
            self._running[row.number] = row
            self._expect(row)

    def _advance(self, row: Row, now: int) -> None:
        steps = now - row.since
        row.cached, row.steps, row.since = row.cached + steps, row.steps - steps, now

    def _expect(self, row: Row) -> None:
        """Notes when a row leaves, or has more to cache than its capacity."""
        steps = min(row.steps, row.capacity - row.cached + 1)
        heapq.heappush(self._events, (row.since + steps, row.number, row.since))
