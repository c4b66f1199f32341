"""Random programs of all that a scheduler does: nothing is lost, nothing comes twice.

Which batch must leave is checked in Rust, against the reference.
"""

from __future__ import annotations

import warnings
from collections import Counter
from typing import Literal

import numpy as np
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

import multibin as mb

WORKERS = 2
SHORT = 1e-4
"""Seconds of a ttl that may be over before the next call."""


class Program(RuleBasedStateMachine):
    @initialize(
        batch_size=st.integers(1, 4),
        fill=st.sampled_from(["elastic", "strict"]),
        overrun=st.sampled_from(["finish", "climb"]),
        capacity=st.integers(4, 30),
        adapt=st.none() | st.builds(mb.Adapt, gate=st.booleans(), every=st.just(500)),
    )
    def start(
        self,
        batch_size: int,
        fill: Literal["elastic", "strict"],
        overrun: Literal["finish", "climb"],
        capacity: int,
        adapt: mb.Adapt | None,
    ) -> None:
        edges = mb.Edges([0, 10, 20, 40])
        self.capacity = capacity
        self.scheduler = mb.Scheduler(
            edges,
            batch_size,
            fill=fill,
            overrun=overrun,
            capacity=capacity,
            max_bins=5,
            adapt=adapt,
        )
        self.workers = [self.scheduler.worker() for _ in range(WORKERS)]
        self.open: list[tuple[mb.Batch, list[int], list[int]]] = []
        self.expected: Counter[int] = Counter()
        self.delivered: Counter[int] = Counter()
        self.lost: set[int] = set()
        self.finished: set[int] = set()
        self.cancelled: set[int] = set()
        self.mortal: set[int] = set()
        """Requests that wait with a short ttl: they expire at any time, and are reported later."""
        self.expired: set[int] = set()
        """Expired requests that were reported."""
        self.next_key = 0
        """Keys are accepted in order, so that they are the tickets."""

    @property
    def live(self) -> int:
        return self.next_key - len(self.finished | self.lost | self.cancelled | self.expired)

    @rule(
        lengths=st.lists(st.integers(0, 50), max_size=12),
        ttl=st.none() | st.sampled_from([0.0, SHORT, 60.0]),
        bulk=st.booleans(),
    )
    def submit(self, lengths: list[int], ttl: float | None, bulk: bool) -> None:
        keys = range(self.next_key, self.next_key + len(lengths))
        submit = self.accepted_in_bulk if bulk else self.accepted
        accepted = submit(keys, lengths, ttl)
        room = 0 if self.scheduler.closed else self.capacity - self.live
        assert accepted >= min(len(lengths), room)
        if ttl is not None and ttl <= SHORT:
            self.mortal.update(keys[:accepted])
        # Room is free at once when a request expires.
        assert accepted <= (0 if self.scheduler.closed else room + len(self.mortal))
        self.expected.update(keys[:accepted])
        self.next_key += accepted

    def accepted_in_bulk(self, keys: range, lengths: list[int], ttl: float | None) -> int:
        ttls = np.full(len(keys), np.inf if ttl is None else ttl)
        try:
            self.scheduler.submit_many(np.array(keys, np.uint64), lengths, ttls=ttls)
        except mb.FullError as full:
            return full.accepted
        except mb.ClosedError:
            return 0
        return len(lengths) if not self.scheduler.closed else 0

    def accepted(self, keys: range, lengths: list[int], ttl: float | None) -> int:
        for done, (key, length) in enumerate(zip(keys, lengths, strict=True)):
            try:
                self.scheduler.submit(key, length, ttl=ttl)
            except (mb.FullError, mb.ClosedError):
                return done
        return len(lengths)

    @rule(worker=st.integers(0, WORKERS - 1))
    def next_batch(self, worker: int) -> None:
        try:
            batch = self.workers[worker].next_batch(0)
        except (TimeoutError, mb.ClosedError):
            return
        keys, expired = batch.keys.tolist(), batch.expired.tolist()
        assert 1 <= len(keys) + len(expired) == len(set(keys + expired))
        assert batch.expired_tickets.tolist() == expired
        self.expire(expired)
        self.deliver(keys)
        self.open.append((batch, keys, batch.progress.tolist()))

    @rule()
    def take_expired(self) -> None:
        keys, tickets = (taken.tolist() for taken in self.scheduler.expired())
        assert keys == tickets
        self.expire(keys)

    def deliver(self, keys: list[int]) -> None:
        self.delivered.update(keys)
        self.mortal.difference_update(keys)

    def expire(self, keys: list[int]) -> None:
        assert self.mortal.issuperset(keys)
        self.mortal.difference_update(keys)
        for key in keys:
            assert self.expected[key] == 1
            assert self.delivered[key] == 0
            self.expected[key] = 0
        self.expired.update(keys)

    @precondition(lambda self: self.open)
    @rule(data=st.data())
    def resubmit_and_finish(self, data: st.DataObject) -> None:
        position = data.draw(st.integers(0, len(self.open) - 1))
        # A draw may end the program: until the last one the batch stays where teardown finds it.
        rows = [row for row in range(len(self.open[position][1])) if data.draw(st.booleans())]
        batch, keys, progress = self.open.pop(position)
        batch.resubmit(rows, [progress[row] + 10 for row in rows])
        climbing = {keys[row] for row in rows}
        self.expected.update(climbing)
        self.finished.update(set(keys) - climbing)
        batch.done()

    @precondition(lambda self: self.open)
    @rule(data=st.data())
    def drop(self, data: st.DataObject) -> None:
        batch, keys, _ = self.open.pop(data.draw(st.integers(0, len(self.open) - 1)))
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            del batch
        assert [warning.category for warning in caught] == [ResourceWarning] * bool(keys)
        self.lost.update(keys)

    @rule(data=st.data())
    def cancel(self, data: st.DataObject) -> None:
        ticket = data.draw(st.integers(0, self.next_key))
        waits = self.expected[ticket] > self.delivered[ticket]
        cancelled = self.scheduler.cancel(ticket)
        assert cancelled == waits or ticket in self.mortal
        if cancelled:
            self.cancelled.add(ticket)
            self.mortal.discard(ticket)
            self.expected[ticket] -= 1

    @rule(
        bounds=st.sampled_from([[0, 1], [0, 10, 20, 40], [5, 6, 7, 8, 9, 30]]),
        batch_size=st.none() | st.integers(1, 4),
        max_wait=st.none() | st.floats(0, 1e-4),
    )
    def reconfigure(
        self, bounds: list[int], batch_size: int | None, max_wait: float | None
    ) -> None:
        edges = mb.Edges(bounds)
        self.scheduler.reconfigure(edges=edges, batch_size=batch_size, max_wait=max_wait)
        assert self.scheduler.edges == edges

    @rule(n=st.sampled_from([1, 1000]), high=st.integers(1, 60), seed=st.integers(0, 9))
    def observe(self, n: int, high: int, seed: int) -> None:
        """Observes requests: the gate and the edges may change at any time."""
        predicted, actual = np.random.default_rng(seed).integers(0, high, (2, n))
        self.scheduler.observe(predicted, actual)

    @rule()
    def close(self) -> None:
        self.scheduler.close()

    @rule(worker=st.integers(0, WORKERS - 1), closing=st.booleans())
    def replace_worker(self, worker: int, closing: bool) -> None:
        """Replaces a worker; one that is not closed is dropped with the last of its batches."""
        if closing:
            self.workers[worker].close()
        self.workers[worker] = self.scheduler.worker()

    @invariant()
    def counters_agree(self) -> None:
        stats = self.scheduler.stats()
        unreported = stats["expired"] - len(self.expired)
        assert 0 <= unreported <= len(self.mortal)
        assert stats["waiting"] == self.expected.total() - self.delivered.total() - unreported
        assert stats["leased"] == sum(len(keys) for _, keys, _ in self.open)
        assert stats["lost"] == len(self.lost)
        assert stats["done"] == len(self.finished)
        assert stats["cancelled"] == len(self.cancelled)

    @invariant()
    def bins_sum_to_the_totals(self) -> None:
        stats = self.scheduler.stats()
        bins = stats["bins"]
        assert len(bins) == 5
        assert sum(bin["waiting"] for bin in bins) == stats["waiting"]
        assert sum(bin["arrivals"] for bin in bins) == stats["submitted"] == self.next_key
        assert sum(bin["rows"] for bin in bins) == stats["taken"] == self.delivered.total()
        assert sum(stats["waits"]["counts"]) == stats["taken"]
        batches = sum((Counter(bin["batches"]) for bin in bins), Counter())
        assert batches == +Counter(stats["batches"])
        for bin in bins:
            assert bin["parked"] <= bin["waiting"]
            assert bin["useful"] <= bin["padded"] <= 50 * bin["rows"]
            assert (bin["oldest"] > 0) <= (bin["waiting"] > 0)

    def teardown(self) -> None:
        if not hasattr(self, "scheduler"):
            return
        self.scheduler.close()
        while self.open:
            self.open.pop()[0].done()
        for worker in self.workers:
            for batch in worker:
                batch.done()
                self.expire(batch.expired.tolist())
                self.deliver(batch.keys.tolist())
        self.take_expired()
        assert self.delivered == self.expected


TestProgram = pytest.mark.thread_unsafe(reason="one machine of states")(Program.TestCase)
TestProgram.settings = settings(max_examples=150, stateful_step_count=40, deadline=None)
