"""Groups of candidates in padded passes, in bins of their lengths."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from functools import partial

import numpy as np
from numpy.typing import NDArray

from multibin.reward._formats import Encoded
from multibin.reward._scorer.batches import Limit, Work, by_length
from multibin.reward._scorer.probe import Ways


class PaddedGroups:
    """Runs candidates whole; equal ones once."""

    def __init__(self, ways: Ways, limit: Limit, work: Work, *, share: bool) -> None:
        self._ways = ways
        self._limit = limit
        self._work = work
        self._share = share

    def __call__(self, groups: Sequence[Sequence[Encoded]]) -> list[list[NDArray[np.floating]]]:
        """Returns the logits of each candidate of each group, [steps, columns]."""
        rows = [row for group in groups for row in group]
        keys = [_key(row) if self._share else at for at, row in enumerate(rows)]
        waiting = dict(zip(keys, rows, strict=True))
        found: dict[Hashable, NDArray[np.floating]] = {}
        while waiting:
            items = list(waiting.items())
            for batch in self._batches(list(waiting.values())):
                part = [items[at] for at in batch]
                if not self._limit.fits(partial(self._run, part, found)):
                    break
            waiting = {key: row for key, row in waiting.items() if key not in found}
        results = iter(found[key] for key in keys)
        return [[next(results) for _ in group] for group in groups]

    def forget(self) -> None:
        """Does nothing: nothing is kept."""

    def _batches(self, rows: Sequence[Encoded]) -> Iterable[list[int]]:
        if not self._ways.together:
            return [[at] for at in range(len(rows))]
        lengths = np.array([len(row.ids) for row in rows], dtype=np.int64)
        return by_length(lengths, self._limit.tokens)

    def _run(
        self,
        part: Sequence[tuple[Hashable, Encoded]],
        found: dict[Hashable, NDArray[np.floating]],
    ) -> None:
        rows = [row for _, row in part]
        logits = self._ways.padded(rows).cpu().numpy()
        bounds = np.cumsum([len(row.ends) for row in rows])[:-1]
        for (key, _), values in zip(part, np.split(logits, bounds), strict=True):
            found[key] = values
        self._work.ran(len(rows) * max(len(row.ids) for row in rows))


def _key(row: Encoded) -> Hashable:
    return (*row.ids, -1, *row.ends, -1, *(row.types or ()))
