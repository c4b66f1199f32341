"""Computes the logits at the ends of steps, packed or padded, one call at a time."""

from __future__ import annotations

from collections.abc import Sequence
from threading import Lock
from typing import TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray

from multibin.llm._load.eval_mode import eval_mode
from multibin.reward._formats import Encoded
from multibin.reward._scorer.batches import Limit, Work
from multibin.reward._scorer.packed_groups import PackedGroups
from multibin.reward._scorer.padded_groups import PaddedGroups
from multibin.reward._scorer.probe import Ways

Group: TypeAlias = Sequence[Encoded]
"""The candidates of a question."""

Logits: TypeAlias = NDArray[np.floating]
"""[steps, columns]"""


class Scorer:
    """Computes logits of groups of candidates. Calls of several threads take turns."""

    def __init__(self, ways: Ways, *, max_tokens: int, memory: int, share: bool) -> None:
        self.ways = ways
        self.work = Work()
        limit = Limit(max_tokens)
        self._groups: PackedGroups | PaddedGroups
        if ways.packed is None:
            self._groups = PaddedGroups(ways, limit, self.work, share=share)
        else:
            self._groups = PackedGroups(ways.packed, limit, self.work, memory=memory, share=share)
        self._lock = Lock()

    def __call__(self, groups: Sequence[Group]) -> list[list[Logits]]:
        """Returns the logits of each candidate of each group."""
        with self._lock, torch.inference_mode(), eval_mode(self.ways.module), self._precise():
            try:
                logits = self._groups(groups)
            except BaseException:
                # An interrupted pass leaves segments without values.
                self._groups.forget()
                raise
            self._count(groups)
        return logits

    def _precise(self) -> torch.autocast:
        """Returns a context without autocast: kept states and heads have the model's own dtype."""
        return torch.autocast(self.ways.model.device.type, enabled=False)

    def forget(self) -> None:
        """Drops all keys and values that are kept between calls."""
        with self._lock:
            self._groups.forget()

    def _count(self, groups: Sequence[Group]) -> None:
        rows = [row for group in groups for row in group]
        self.work.candidates += len(rows)
        self.work.steps += sum(len(row.ends) for row in rows)
        self.work.tokens += sum(len(row.ids) for row in rows)
