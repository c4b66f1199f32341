"""Scores groups of candidates: plans what is missing, runs it, and keeps what later calls need."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Lock

import numpy as np
import torch
from numpy.typing import NDArray

import multibin
from multibin.llm._load.failures import is_out_of_memory
from multibin.reward._formats import Encoded
from multibin.reward._scorer.plan import Pass, passes
from multibin.reward._scorer.probe import Ways
from multibin.reward._scorer.tree import Logits, PrefixTree, Segment, Value, missing

LEAST = 16
"""Tokens of the smallest pass that a lack of memory leads to."""

ROWS = 4096
"""Rows of the largest batch; a budget of tokens is the limit."""

BINS = 32
"""Bins of padded batches."""


@dataclass
class Work:
    """What was scored, and what it took."""

    candidates: int = 0
    steps: int = 0
    tokens: int = 0
    """Tokens of all candidates with their questions."""
    computed_tokens: int = 0
    """Tokens that ran, with padding; fewer than `tokens` where beginnings are shared."""
    passes: int = 0
    cached_bytes: int = 0
    """Keys and values that are kept between calls."""


class Scorer:
    """Computes the logits at the ends of steps. Calls of several threads take turns."""

    def __init__(self, ways: Ways, *, max_tokens: int, memory: int, share: bool) -> None:
        self.ways = ways
        self.work = Work()
        self._memory = memory
        self._share = share
        self._most = max_tokens
        self._tree = PrefixTree()
        self._lock = Lock()

    def __call__(self, groups: Sequence[Sequence[Encoded]]) -> list[list[NDArray[np.floating]]]:
        """Returns the logits of each candidate of each group, [steps, columns]."""
        if not any(groups):
            return [[] for _ in groups]
        with self._lock, torch.inference_mode():
            run = self._padded if self.ways.packed is None else self._packed
            try:
                logits = run(groups)
            except BaseException:
                # An interrupted pass leaves segments without values.
                self._tree.clear()
                raise
        self._count(groups)
        return logits

    def forget(self) -> None:
        """Drops all keys and values that are kept between calls."""
        with self._lock:
            self._tree.clear()
            self.work.cached_bytes = 0

    def _count(self, groups: Sequence[Sequence[Encoded]]) -> None:
        rows = [row for group in groups for row in group]
        self.work.candidates += len(rows)
        self.work.steps += sum(len(row.ends) for row in rows)
        self.work.tokens += sum(len(row.ids) for row in rows)

    def _packed(self, groups: Sequence[Sequence[Encoded]]) -> list[list[NDArray[np.floating]]]:
        leaves = [[self._insert(row) for row in group] for group in groups]
        packed = self.ways.packed
        assert packed is not None
        with packed.running():
            for batch in self._batches(leaves):
                self._compute([leaf for at in batch for leaf in leaves[at]])
        pairs = zip(groups, leaves, strict=True)
        found = [
            [_read(leaf, row.ends) for row, leaf in zip(group, ends, strict=True)]
            for group, ends in pairs
        ]
        if self._memory:
            self.work.cached_bytes = self._tree.shrink(self._memory)
        else:
            self._tree.clear()
        return found

    def _insert(self, row: Encoded) -> Segment:
        tree = self._tree if self._share else PrefixTree()
        return tree.insert(row.ids, row.ends)

    def _batches(self, leaves: Sequence[Sequence[Segment]]) -> Iterator[list[int]]:
        """Yields indices of groups that run together, in batches of at most a pass's tokens.

        The scheduler forms them. A group costs its tokens that are not computed yet.
        """
        costs = [sum(len(one.tokens) for one in missing(group)) for group in leaves]
        costs = np.clip(costs, 1, self._most)
        yield from _scheduled(
            costs, costs=costs, edges=multibin.Edges([0, self._most]), budget=self._most
        )

    def _compute(self, leaves: Sequence[Segment]) -> None:
        """Computes what is missing for the values of `leaves`."""
        while segments := missing(leaves):
            plan = list(passes(segments, self._most))
            # How many segments of later passes need the keys and values of each.
            needed = Counter(
                before for part in plan for one in part.segments for before in one.path[:-1]
            )
            for part in plan:
                if not self._try(lambda part=part: self._run(part, needed)):
                    break

    def _run(self, part: Pass, needed: Counter[Segment]) -> None:
        packed = self.ways.packed
        assert packed is not None
        before = Counter(before for one in part.segments for before in one.path[:-1])
        later = [bool(self._memory) or needed[one] > before[one] for one in part.segments]
        logits = Logits(packed(part, later.__getitem__))
        for row, (segment, at) in enumerate(part.reads):
            segment.values[at] = Value(logits, row)
        for segment in part.segments:
            segment.wanted.clear()
        needed.subtract(before)
        if not self._memory:
            for one in before:
                if not needed[one]:
                    one.states = None
        self.work.passes += 1
        self.work.computed_tokens += part.tokens

    def _try(self, run: Callable[[], None]) -> bool:
        """Runs a pass; after a lack of memory the next ones are smaller, and false is returned."""
        try:
            run()
        except Exception as error:
            if not is_out_of_memory(error) or self._most <= LEAST:
                raise
            self._most = max(LEAST, self._most // 2)
            return False
        return True

    def _padded(self, groups: Sequence[Sequence[Encoded]]) -> list[list[NDArray[np.floating]]]:
        rows = [row for group in groups for row in group]
        names: list[object] = list(range(len(rows)))
        if self._share:
            names = [(tuple(row.ids), tuple(row.ends)) for row in rows]
        waiting = dict(zip(names, rows, strict=True))
        found: dict[object, NDArray[np.floating]] = {}
        while waiting:
            keys = list(waiting)
            lengths = np.array([len(waiting[key].ids) for key in keys])
            for batch in self._in_bins(lengths):
                if not self._try(lambda batch=batch: self._run_rows(batch, keys, waiting, found)):
                    break
            waiting = {key: row for key, row in waiting.items() if key not in found}
        results = iter(found[name] for name in names)
        return [[next(results) for _ in group] for group in groups]

    def _in_bins(self, lengths: NDArray[np.int64]) -> Iterator[list[int]]:
        """Yields batches of like lengths whose rows times longest fit into a pass."""
        if not self.ways.together:
            yield from ([at] for at in range(len(lengths)))
            return
        bins = min(BINS, len(np.unique(lengths)))
        rows = max(1, self._most // int(lengths.max()))
        edges = multibin.Edges.optimal(lengths, bins, rows)
        yield from _scheduled(lengths, edges=edges, budget=max(self._most, int(lengths.max())))

    def _run_rows(
        self,
        batch: list[int],
        keys: list[object],
        waiting: dict[object, Encoded],
        found: dict[object, NDArray[np.floating]],
    ) -> None:
        rows = [waiting[keys[at]] for at in batch]
        logits = self.ways.padded(rows).cpu().numpy()
        bounds = np.cumsum([len(row.ends) for row in rows])[:-1]
        for at, part in zip(batch, np.split(logits, bounds), strict=True):
            found[keys[at]] = part
        self.work.passes += 1
        self.work.computed_tokens += len(rows) * max(len(row.ids) for row in rows)


def _scheduled(
    lengths: NDArray[np.int64],
    *,
    edges: multibin.Edges,
    budget: int,
    costs: NDArray[np.int64] | None = None,
) -> Iterator[list[int]]:
    """Yields the batches that the scheduler forms of items that all wait: indices of `lengths`."""
    scheduler = multibin.Scheduler(
        edges,
        ROWS,
        capacity=max(len(lengths), ROWS),
        budget=budget,
        budget_of="padded" if costs is None else "cost",
    )
    scheduler.submit_many(np.arange(len(lengths)), lengths, costs=costs)
    scheduler.close()
    with scheduler.worker() as worker:
        while True:
            try:
                batch = worker.next_batch()
            except multibin.ClosedError:
                return
            with batch:
                yield batch.keys.tolist()


def _read(leaf: Segment, ends: Sequence[int]) -> NDArray[np.floating]:
    """Returns the logits at `ends`, [ends, columns]."""
    path = leaf.path
    found, at = [], 0
    for end in ends:
        while end >= path[at].stop:
            at += 1
        value = path[at].values[end]
        found.append(value.logits.rows[value.row])
    return np.stack(found)
