"""Groups of candidates in packed passes: what they begin with alike is computed once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from functools import partial

import numpy as np
from numpy.typing import NDArray

from multibin.reward._formats import Encoded
from multibin.reward._scorer.batches import Limit, Work, by_cost
from multibin.reward._scorer.packed import Packed
from multibin.reward._scorer.plan import Pass, passes
from multibin.reward._scorer.tree import Logits, PrefixTree, Segment, Value, missing


class PackedGroups:
    """Plans the segments that groups need, runs them, and keeps what later calls may share."""

    def __init__(
        self, packed: Packed, limit: Limit, work: Work, *, memory: int, share: bool
    ) -> None:
        self._packed = packed
        self._limit = limit
        self._work = work
        # What later calls share is what candidates of one call would share.
        self._memory = memory if share else 0
        self._share = share
        self._tree = PrefixTree()

    def __call__(self, groups: Sequence[Sequence[Encoded]]) -> list[list[NDArray[np.floating]]]:
        """Returns the logits of each candidate of each group, [steps, columns]."""
        leaves = [[self._insert(row) for row in group] for group in groups]
        order = _together(leaves)
        with self._packed.running():
            for batch in by_cost(_costs([leaves[at] for at in order]), self._limit.tokens):
                self._compute([leaf for at in batch for leaf in leaves[order[at]]])
                self._shrink()
        found = [
            [_read(leaf, row.ends) for row, leaf in zip(group, ends, strict=True)]
            for group, ends in zip(groups, leaves, strict=True)
        ]
        self._keep(leaves)
        return found

    def forget(self) -> None:
        """Drops all keys and values."""
        self._tree.clear()
        self._work.cached_bytes = 0

    def _keep(self, leaves: Sequence[Sequence[Segment]]) -> None:
        if self._memory:
            self._shrink()
            return
        for segment in {one for group in leaves for leaf in group for one in leaf.path}:
            # Without cycles it goes at once, and not when the collector runs.
            assert segment.parent is not None
            segment.parent.children.clear()

    def _shrink(self) -> None:
        """Keeps to the memory, also while a call runs."""
        if self._memory:
            self._work.cached_bytes = self._tree.shrink(self._memory)

    def _insert(self, row: Encoded) -> Segment:
        tree = self._tree if self._share else PrefixTree()
        return tree.insert(row.ids, row.ends)

    def _compute(self, leaves: Sequence[Segment]) -> None:
        """Computes what is missing for the values of `leaves`."""
        while segments := missing(leaves):
            plan = list(passes(segments, self._limit.tokens))
            # How many segments of this and later passes need the keys and values of each.
            needed = sum((_before(part) for part in plan), Counter[Segment]())
            for part in plan:
                if not self._limit.fits(partial(self._run, part, needed)):
                    break

    def _run(self, part: Pass, needed: Counter[Segment]) -> None:
        here = _before(part)
        keep = [bool(self._memory) or needed[one] > here[one] for one in part.segments]
        logits = Logits(self._packed(part, keep))
        for row, (segment, at) in enumerate(part.reads):
            segment.values[at] = Value(logits, row)
        for segment in part.segments:
            segment.wanted.clear()
        needed.subtract(here)
        if not self._memory:
            for segment in here:
                if not needed[segment]:
                    segment.states = None
        self._work.ran(part.tokens)


def _together(leaves: Sequence[Sequence[Segment]]) -> list[int]:
    """Returns the indices of groups, those with a common beginning one behind another."""
    seen: dict[Segment, int] = {}
    for group in leaves:
        for leaf in group:
            for segment in leaf.path:
                seen.setdefault(segment, len(seen))
    keys = [[seen[segment] for segment in group[0].path] if group else [] for group in leaves]
    return sorted(range(len(leaves)), key=keys.__getitem__)


def _costs(leaves: Sequence[Sequence[Segment]]) -> NDArray[np.int64]:
    """Returns the tokens of each group that neither are computed nor belong to one before it."""
    counted: set[Segment] = set()
    costs = []
    for group in leaves:
        new = [one for one in missing(group) if one not in counted]
        counted.update(new)
        costs.append(sum(len(one.tokens) for one in new))
    return np.array(costs, dtype=np.int64)


def _before(part: Pass) -> Counter[Segment]:
    """Returns how many segments of a pass follow each segment."""
    return Counter(before for one in part.segments for before in one.path[:-1])


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
