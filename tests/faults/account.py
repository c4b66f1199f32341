"""Accounts for every request of a program: each accepted one must end once."""

from __future__ import annotations

import itertools
from collections import Counter
from typing import Any

import multibin as mb


class Taken:
    """Keeps the rows of a taken batch. Rows that did not climb are lost unless it is done."""

    def __init__(self, batch: mb.Batch) -> None:
        columns = batch.keys, batch.tickets, batch.progress
        self.rows = list(zip(*(column.tolist() for column in columns), strict=True))
        expired = batch.expired, batch.expired_tickets
        self.expired = list(zip(*(column.tolist() for column in expired), strict=True))
        self.climbed: dict[int, int] = {}
        """The progress given, by key."""
        self.done = False


class Account:
    """Lists what happened. Threads append, which is atomic; `check` reads when all have ended."""

    def __init__(self) -> None:
        self.numbers = itertools.count()
        self.accepted: list[tuple[int, int]] = []
        """Key and ticket."""
        self.refused: list[int] = []
        self.unknown: list[int] = []
        """Keys whose call was interrupted: perhaps accepted."""
        self.taken: list[Taken] = []
        self.interrupted: list[str] = []
        """Calls that may have taken a batch that no step got."""
        self.expired: list[tuple[int, int]] = []
        self.cancelled: list[int] = []
        """Tickets."""
        self.faults: list[str] = []

    def keys(self, count: int) -> list[int]:
        return [next(self.numbers) for _ in range(count)]

    def accept(self, keys: list[int], first: int | None) -> None:
        if first is not None:
            self.accepted += zip(keys, range(first, first + len(keys)), strict=True)

    def refuse(self, keys: list[int], error: mb.FullError | mb.ClosedError) -> None:
        self.accept(keys[: error.accepted], error.first)
        self.refused += keys[error.accepted :]

    def take(self, batch: mb.Batch) -> Taken:
        taken = Taken(batch)
        self.taken.append(taken)
        self.expired += taken.expired
        return taken

    def require(self, holds: bool, what: str) -> None:
        if not holds:
            self.faults.append(what)

    def check(self, stats: Any) -> None:
        """Checks the whole account after `drain`, when no call is left."""
        self.check_requests()
        self.check_progress(stats["restarted"])
        self.check_stats(stats)

    def check_requests(self) -> None:
        tickets = dict(self.accepted)
        self.require(len(tickets) == len(self.accepted), "a key was accepted twice")
        self.require(len(set(tickets.values())) == len(tickets), "two requests have one ticket")
        refused = set(self.refused)
        for key, ticket in self.seen():
            known = tickets.setdefault(key, ticket)
            self.require(known == ticket, f"key {key}: ticket {known} was {ticket}")
            self.require(key not in refused, f"key {key} was refused and served")
        deliveries = Counter(key for taken in self.taken for key, _, _ in taken.rows)
        climbs = Counter(key for taken in self.taken for key in taken.climbed)
        ends = self.ends(tickets)
        for key in tickets:
            self.require(deliveries[key] <= 1 + climbs[key], f"key {key} was delivered twice")
            self.require(ends[key] <= 1, f"key {key} ended {ends[key]} times")
            certain = not self.interrupted and key not in self.unknown
            self.require(ends[key] == 1 or not certain, f"key {key} never ended")

    def seen(self) -> list[tuple[int, int]]:
        """Returns keys and tickets that came back."""
        rows = [(key, ticket) for taken in self.taken for key, ticket, _ in taken.rows]
        return rows + self.expired

    def ends(self, tickets: dict[int, int]) -> Counter[int]:
        keys = {ticket: key for key, ticket in tickets.items()}
        ends = Counter(keys[ticket] for ticket in self.cancelled)
        ends.update(key for key, _ in self.expired)
        ends.update(key for taken in self.taken for key in self.ended(taken))
        return ends

    @staticmethod
    def ended(taken: Taken) -> list[int]:
        return [key for key, _, _ in taken.rows if key not in taken.climbed]

    def check_progress(self, restarted: int) -> None:
        """Checks that a row comes back with the progress that it was given, or restarts."""
        given = {0: {0}} | {key: {0} for key, _ in self.accepted}
        for taken in self.taken:
            for key, progress in taken.climbed.items():
                given.setdefault(key, {0}).add(progress)
        again = 0
        for taken in self.taken:
            for key, _, progress in taken.rows:
                self.require(progress in given.get(key, {0}), f"key {key}: progress {progress}")
        first = {key for key, _ in self.accepted}
        for taken in self.taken:
            again += sum(progress == 0 and key not in first for key, _, progress in taken.rows)
            first -= {key for key, _, progress in taken.rows if progress == 0}
        unknown = len(self.unknown)
        self.require(again <= restarted + unknown, f"{again} restarted, {restarted} counted")

    def check_stats(self, stats: Any) -> None:
        done = sum(len(self.ended(taken)) for taken in self.taken if taken.done)
        lost = sum(len(self.ended(taken)) for taken in self.taken if not taken.done)
        unsure = len(self.unknown) + 4 * len(self.interrupted)
        for name, low, slack in [
            ("submitted", len(self.accepted), len(self.unknown)),
            ("done", done, 0),
            ("lost", lost, unsure),
            ("cancelled", len(self.cancelled), len(self.unknown)),
            ("expired", len(self.expired), 1000 * len(self.interrupted)),
            ("waiting", 0, 0),
            ("leased", 0, 0),
        ]:
            value = stats[name]
            what = f"stats: {name} = {value}, expected {low} (+ {slack})"
            self.require(low <= value <= low + slack, what)
        ends = sum(stats[name] for name in ("done", "lost", "cancelled", "expired"))
        self.require(stats["submitted"] == ends, f"stats: {stats['submitted']} in, {ends} out")
        taken = stats["resubmitted"] + stats["done"] + stats["lost"]
        self.require(stats["taken"] == taken, f"stats: taken = {stats['taken']}, not {taken}")
