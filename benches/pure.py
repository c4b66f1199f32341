"""A multi-bin scheduler in pure Python: what the Rust one is compared with.

It has a deque for each bin, and bisect for the bin. Of the rules of ``docs/concepts/scheduling.md``
it has three: light load, full (the oldest head first), and elastic. Any thread may submit and take.
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
        self.tickets = self.waiting = self.leased = self.waiters = 0
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
            if self.waiters:
                self.changed.notify()
        return ticket

    def next_batch(self, timeout: float | None = None) -> list[Row]:
        with self.changed:
            if not self.waiting:
                self.waiters += 1
                woken = self.changed.wait_for(lambda: self.waiting, timeout)
                self.waiters -= 1
                if not woken:
                    raise TimeoutError
            light = 5 * self.waiting < 8 * self.batch_size
            rows = self.take_oldest() if light else self.fill()
            self.waiting -= len(rows)
            self.leased += len(rows)
            return rows

    def done(self, rows: list[Row]) -> None:
        with self.changed:
            self.leased -= len(rows)

    def take_oldest(self) -> list[Row]:
        """Takes up to a batch of the oldest, whatever their bins."""
        if self.waiting <= self.batch_size:
            rows = [row for bin in self.bins for row in bin]
            for bin in self.bins:
                bin.clear()
            return rows
        waiting = (row for bin in self.bins for row in bin)
        rows = nsmallest(self.batch_size, waiting)
        last = rows[-1].ticket
        for bin in self.bins:
            while bin and bin[0].ticket <= last:
                bin.popleft()
        return rows

    def fill(self) -> list[Row]:
        """Takes a batch from the full bin with the oldest head, or else by the elastic rule."""
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
        """Yields the bin itself, then the others by their distance, the lower one first."""
        yield self.bins[lead]
        for distance in range(1, len(self.bins)):
            if distance <= lead:
                yield self.bins[lead - distance]
            if lead + distance < len(self.bins):
                yield self.bins[lead + distance]
