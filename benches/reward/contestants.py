"""Ways to score: ours, and those of others written in plain transformers."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from itertools import chain
from typing import Any, TypeAlias

import numpy as np
import torch
from benches.reward.workload import LABELS, Row, Workload
from numpy.typing import NDArray

from multibin.reward import Format, Mark, RewardModel

__all__ = ["OURS", "REFERENCE", "Contestant", "Scores", "contestants"]

Scores: TypeAlias = list[NDArray[np.floating[Any]]]
"""Scores of each candidate's steps, in the order of the workload."""

Contestant: TypeAlias = Callable[[Workload], Scores]

OURS, REFERENCE = "multibin", "reference"
BATCHES = (4, 8, 16, 32)
"""Sizes of sorted batches, of which the best is the one to beat."""


def contestants(model: Any, max_tokens: int | None) -> tuple[RewardModel, dict[str, Contestant]]:
    """Returns our model, and all contestants by name."""
    ours, plain = (reward_model(model, max_tokens=max_tokens, share=one) for one in (True, False))
    found: dict[str, Contestant] = {
        OURS: lambda work: _ours(ours, work),
        f"{OURS}, nothing shared": lambda work: _ours(plain, work),
        REFERENCE: lambda work: [_whole(model, row) for row in work.rows],
        "one at a time": lambda work: _in_batches(model, work.rows, range(len(work.rows)), 1),
        "arrival order, 16": lambda work: _in_batches(model, work.rows, range(len(work.rows)), 16),
    }
    for size in BATCHES:
        found[f"sorted, {size}"] = partial(_sorted, model, size)
    return ours, found


def reward_model(model: Any, **options: Any) -> RewardModel:
    """Returns our model for ids alone, with the labels of the workload."""
    form = Format("ids", lambda _, question, steps: _marked(question, steps))
    return RewardModel(model, Labels(), format=form, **options)


def _marked(question: Any, steps: Sequence[Any]) -> list[Any]:
    return [question, *chain.from_iterable((step, Mark()) for step in steps)]


class Labels:
    """A tokenizer that knows the two labels alone."""

    def encode(self, text: str, *, add_special_tokens: bool = True) -> list[int]:  # noqa: ARG002
        return [LABELS[text == "+"]]

    def decode(self, token_ids: list[int], skip_special_tokens: bool = False) -> str:  # noqa: ARG002
        return " ".join(map(str, token_ids))


def _ours(model: RewardModel, work: Workload) -> Scores:
    found = model.score(work.questions, work.candidates)
    return [scores for group in found for scores in group]


def _whole(model: Any, row: Row) -> NDArray[np.floating[Any]]:
    """Runs one sequence with the logits of the whole vocabulary, as reference scorers do."""
    ids = torch.tensor([row.ids], device=model.device)
    logits = model(ids).logits[0]
    return _shares(logits[row.ends][:, LABELS])


def _sorted(model: Any, size: int, work: Workload) -> Scores:
    """Runs batches of like lengths, the longest first, as sentence-transformers does."""
    rows = work.rows
    order = sorted(range(len(rows)), key=lambda at: -len(rows[at].ids))
    return _in_batches(model, rows, order, size)


def _in_batches(model: Any, rows: Sequence[Row], order: Iterable[int], size: int) -> Scores:
    """Runs padded batches in an order, with two logits at the ends of steps alone."""
    order = list(order)
    found: Scores = [np.zeros(0)] * len(rows)
    for first in range(0, len(order), size):
        batch = order[first : first + size]
        logits = iter(_padded(model, [rows[at] for at in batch]))
        for at in batch:
            found[at] = np.array([next(logits) for _ in rows[at].ends])
    return found


def _padded(model: Any, rows: Sequence[Row]) -> NDArray[np.floating[Any]]:
    width = max(len(row.ids) for row in rows)
    ids = torch.zeros(len(rows), width, dtype=torch.int64)
    mask = torch.zeros_like(ids)
    for number, row in enumerate(rows):
        ids[number, : len(row.ids)] = torch.tensor(row.ids)
        mask[number, : len(row.ids)] = 1
    places = [number * width + end for number, row in enumerate(rows) for end in row.ends]
    # A single row needs no mask, and attention without one is faster.
    hidden = {"attention_mask": mask.to(model.device)} if len(rows) > 1 else {}
    states = model.model(ids.to(model.device), **hidden)[0].flatten(0, 1)[places]
    logits = states @ model.lm_head.weight[list(LABELS)].T
    return _shares(logits)


def _shares(logits: torch.Tensor) -> NDArray[np.floating[Any]]:
    found: NDArray[np.floating[Any]] = logits.float().softmax(-1)[:, 1].cpu().numpy()
    return found
