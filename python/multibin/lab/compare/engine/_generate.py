"""The outside baseline: ``generate`` of transformers, a padded batch after another."""

from __future__ import annotations

from collections.abc import Sequence
from time import perf_counter

import torch
from torch import Tensor

from multibin.lab.compare.engine._result import EngineRun
from multibin.lab.compare.engine._slots import of_batches
from multibin.llm._load.models import Model
from multibin.llm._outputs import BatchRecord

__all__ = ["answers", "generate"]


def generate(
    model: Model, prompts: Sequence[list[int]], batch_size: int, max_tokens: int
) -> EngineRun:
    """Generates in batches of the order of the prompts; a batch answers when all its rows end."""
    records: list[BatchRecord] = []
    latencies: list[float] = []
    begin = perf_counter()
    for start in range(0, len(prompts), batch_size):
        group = prompts[start : start + batch_size]
        started = perf_counter()
        tokens = [len(answer) for answer in answers(model, group, max_tokens)]
        finished = perf_counter()
        latencies += [finished - begin] * len(group)
        records.append(_record(start, tokens, started, finished))
    return EngineRun(latencies, of_batches(records, batch_size))


def answers(model: Model, prompts: Sequence[list[int]], max_tokens: int) -> list[list[int]]:
    """Returns the ids of each answer to a batch, its end-of-sequence token included."""
    ids, mask = _padded(prompts)
    pad = min(model.eos, default=0)
    with torch.inference_mode():
        output = model.module.generate(
            ids.to(model.device),
            attention_mask=mask.to(model.device),
            max_new_tokens=max_tokens,
            do_sample=False,
            pad_token_id=pad,
        )
    rows: list[list[int]] = output[:, ids.shape[1] :].tolist()
    return [row[: _length(row, model.eos)] for row in rows]


def _padded(prompts: Sequence[list[int]]) -> tuple[Tensor, Tensor]:
    """Returns ids padded on the left, and the mask of what is no padding."""
    width = max(map(len, prompts))
    ids = torch.tensor([[0] * (width - len(prompt)) + prompt for prompt in prompts])
    mask = torch.tensor([[0] * (width - len(p)) + [1] * len(p) for p in prompts])
    return ids, mask


def _length(tokens: list[int], eos: frozenset[int]) -> int:
    ends = (index + 1 for index, token in enumerate(tokens) if token in eos)
    return next(ends, len(tokens))


def _record(first: int, tokens: list[int], started: float, finished: float) -> BatchRecord:
    """Returns the record of a batch that computes all its rows until the last one ends."""
    rows, steps = len(tokens), max(tokens)
    return BatchRecord(
        bin=0,
        reason="full",
        limit=None,
        keys=tuple(range(first, first + rows)),
        progress=(0,) * rows,
        tokens=tuple(tokens),
        prefills=1,
        decode_steps=steps - 1,
        rows_computed=rows * steps,
        started=started,
        finished=finished,
    )
