"""Loss and AUC of step scores on validation examples."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch.nn.functional import cross_entropy

from multibin.reward.evaluate import step_auc
from multibin.reward.train._history import Validation
from multibin.reward.train._readout import Readout
from multibin.reward.train._rows import Row
from multibin.reward.train._schedule import passes

__all__ = ["validate"]


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
    auc = step_auc(np.concatenate(margins), found) if 0 < found.mean() < 1 else None
    return Validation(step, total / len(found), auc)
