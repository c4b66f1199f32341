"""Loss and AUC of step scores on validation examples."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import ArrayLike
from torch.nn.functional import cross_entropy

from multibin.reward.train._history import Validation
from multibin.reward.train._readout import Readout
from multibin.reward.train._rows import Row
from multibin.reward.train._schedule import passes

__all__ = ["area", "validate"]


def validate(readout: Readout, rows: Sequence[Row], batch_size: int, step: int) -> Validation:
    """Returns loss and AUC of all labelled steps of `rows`; the model is in evaluation mode."""
    readout.model.eval()
    total, margins, labels = 0.0, [], []
    with torch.no_grad():
        for batch in passes(rows, batch_size):
            logits, classes = readout.logits(batch)
            total += float(cross_entropy(logits, classes, reduction="sum"))
            margins.append((logits[:, 1] - logits[:, 0]).double().cpu().numpy())
            labels.append(classes.cpu().numpy())
    found = np.concatenate(labels)
    return Validation(step, total / len(found), area(np.concatenate(margins), found))


def area(scores: ArrayLike, labels: ArrayLike) -> float | None:
    """Returns the share of pairs of a good and a bad step with the good one above; ties count half.

    It is the area under the ROC curve. It is None where all labels are of one kind.

    >>> area([0.1, 0.4, 0.35, 0.8], [0, 0, 1, 1])
    0.75
    """
    good = np.asarray(labels, dtype=bool)
    pairs = int(good.sum()) * int((~good).sum())
    if not pairs:
        return None
    _, places, counts = np.unique(np.asarray(scores), return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counts) - (counts - 1) / 2)[places]
    least = good.sum() * (good.sum() + 1) / 2
    return float((ranks[good].sum() - least) / pairs)
