"""The learning rate of a step, and the order in which the examples are seen."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import numpy as np

from multibin._args import Ints
from multibin.reward.train._rows import Row
from multibin.reward.train._settings import Settings

__all__ = ["drawn", "passes", "rate"]


def rate(settings: Settings, step: int, total: int) -> float:
    """Returns the learning rate of a step, counted from 0.

    It rises linearly over the share `warmup` of the steps. Then it falls to 0 along half a cosine
    or a line, or stays.
    """
    warm = math.ceil(settings.warmup * total)
    if step < warm:
        return settings.peak * (step + 1) / warm
    done = (step - warm) / max(1, total - warm)
    falls = {"cosine": (1 + math.cos(math.pi * done)) / 2, "linear": 1 - done, "constant": 1.0}
    return settings.peak * falls[settings.schedule]


def drawn(settings: Settings, step: int, rows: int) -> Ints:
    """Returns the indices of the rows of a step, drawn without replacement in each epoch.

    They depend on the seed and the step alone, so a run that continues sees what it would have
    seen. Examples of all lengths are mixed. With everything behind the first error dropped, a short
    row is a bad one, so batches of one length would have labels of one kind.
    """
    epoch, place = divmod(step, -(-rows // settings.group))
    order = np.random.default_rng([settings.seed, epoch]).permutation(rows)
    return order[place * settings.group : (place + 1) * settings.group]


def passes(rows: Sequence[Row], batch_size: int) -> Iterator[list[Row]]:
    """Yields the rows of a step in batches of similar length, the longest first.

    The gradient is a sum over all rows of the step, so their order changes its rounding alone.
    """
    ordered = sorted(rows, key=lambda row: -len(row.ids))
    for start in range(0, len(ordered), batch_size):
        yield ordered[start : start + batch_size]
