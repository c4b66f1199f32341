"""A multi-bin scheduler in pure Python: what the Rust one is compared with.

A deque for each bin, bisect for the bin, and three of the rules of ``docs/scheduling.md``: few,
full (the oldest head first), and the oldest leads, topped up from the nearest bins. Any thread may
submit and take.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import deque
from collections.abc import Iterator
from heapq import nsmallest
from threading import Condition
from time import monotonic
from typing import NamedTuple


class Row(NamedTuple):
    ticket: int
    key: int
    length: int
    arrival: float


class Scheduler:
    def __init__(self, bounds: list[int], batch_size: int, capacity: int = 65536) -> None:
        self.inner = bounds[1:-1]
        self.bins: list[deque[Row]] = [deque() for _ in bounds[1:]]
        self.batch_size = batch_size
        self.capacity = capacity
        self.tickets = self.waiting = self.leased = self.sleeping = 0
        self.changed = Condition()

    def submit(self, key: int, length: int) -> int:
        bin = self.bins[bisect_right(self.inner, length)]
        with self.changed:
            if self.waiting + self.leased >= self.capacity:
                raise RuntimeError("at capacity")
            ticket = self.tickets
            self.tickets = ticket + 1
            self.waiting += 1
            bin.append(Row(ticket, key, length, monotonic()))
            if self.sleeping:
                self.changed.notify()
        return ticket

    def next_batch(self, timeout: float | None = None) -> list[Row]:
        with self.changed:
            if not self.waiting:
                self.sleeping += 1
                woken = self.changed.wait_for(lambda: self.waiting, timeout)
                self.sleeping -= 1
                if not woken:
                    raise TimeoutError
            rows = self.few() if 2 * self.waiting < 3 * self.batch_size else self.gather()
            self.waiting -= len(rows)
            self.leased += len(rows)
            return rows

    def done(self, rows: list[Row]) -> None:
        with self.changed:
            self.leased -= len(rows)

    def few(self) -> list[Row]:
        """Up to a batch of the oldest, whatever their bins."""
        if self.waiting <= self.batch_size:
            rows = [row for bin in self.bins for row in bin]
            for bin in self.bins:
                bin.clear()
            return rows
        everyone = (row for bin in self.bins for row in bin)
        rows = nsmallest(self.batch_size, everyone)
        last = rows[-1].ticket
        for bin in self.bins:
            while bin and bin[0].ticket <= last:
                bin.popleft()
        return rows

    def gather(self) -> list[Row]:
        """A batch from the full bin with the oldest head, or else the oldest and who is nearest."""
        size, bins = self.batch_size, self.bins
        heads = [(len(bin) < size, bin[0].ticket, i) for i, bin in enumerate(bins) if bin]
        lead = min(heads)[2]
        rows: list[Row] = []
        for bin in self.nearest(lead):
            pop = bin.popleft
            rows += [pop() for _ in range(min(size - len(rows), len(bin)))]
            if len(rows) == size:
                break
        return rows

    def nearest(self, lead: int) -> Iterator[deque[Row]]:
        """The bin itself, then the others by their distance, the lower one first."""
        yield self.bins[lead]
        for distance in range(1, len(self.bins)):
            if distance <= lead:
                yield self.bins[lead - distance]
            if lead + distance < len(self.bins):
                yield self.bins[lead + distance]
