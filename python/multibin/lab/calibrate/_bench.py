"""The engine itself, with a clock."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from time import perf_counter

import numpy as np
import torch

import multibin
from multibin.llm._engine.budgets import Budgets
from multibin.llm._engine.executor import Executor
from multibin.llm._engine.probe import try_out
from multibin.llm._engine.request import Request
from multibin.llm._engine.runner import Runner
from multibin.llm._engine.sampling.logprobs import TokenLogprobs
from multibin.llm._engine.schedule import Policy
from multibin.llm._load.models import Model
from multibin.llm._params import SamplingParams

__all__ = ["STEPS", "Bench", "Cell", "Mixed"]

STEPS = 16
"""Decode steps of a measurement, after one that is not counted."""


class Timed(Request):
    """A request that runs to its budget, and notes when its tokens came."""

    def __init__(self, key: int, prompt: list[int], budget: int) -> None:
        params = SamplingParams(max_tokens=budget, temperature=0.0, ignore_eos=True)
        super().__init__(key, None, prompt, params, budget=budget, eos=frozenset(), tokenizer=None)
        self.times: list[float] = []
        """The time of each token."""

    def push(self, token: int, logprobs: TokenLogprobs | None = None) -> bool:
        """Takes the next token and returns whether it was the last."""
        # The token is on the host, so the device has nothing left to do for it.
        self.times.append(perf_counter())
        return super().push(token, logprobs)


@dataclass(frozen=True)
class Cell:
    """Seconds at one point of the grid: of a step, of the prefill, of a move."""

    step: float
    prefill: float
    move: float


@dataclass(frozen=True)
class Mixed:
    """A batch of unlike rows. Element i of each field belongs to row i."""

    prompts: tuple[int, ...]
    outputs: tuple[int, ...]
    limit: int | None
    """Tokens after which the unfinished rows are parked, to go on together in a second batch."""


class Bench:
    """Runs batches of random tokens on one model."""

    def __init__(self, model: Model) -> None:
        with torch.inference_mode():
            self._executor = Executor(*try_out(model), Budgets())
        self._vocabulary = model.vocabulary
        self._rng = np.random.default_rng(0)

    def cell(self, rows: int, tokens: int) -> Cell:
        """Measures one point with two batches.

        The first parks its rows after their prompts; the second resumes them and decodes. The first
        step there has the move as well. Of several rows one is a token shorter: attention takes
        another path for rows of one length, and rows of real batches differ.
        """
        prompts = [tokens] * rows
        if rows > 1 and tokens > 1:
            prompts[-1] -= 1
        requests = self._requests(prompts, [2 + STEPS] * rows)
        started = self._run(requests, 1)
        times = requests[0].times
        step = (times[-1] - times[1]) / STEPS
        move = max(times[1] - times[0] - step, 0.0)
        return Cell(step=step, prefill=times[0] - started, move=move)

    def seconds(self, mixed: Mixed) -> float:
        """Returns the seconds of a batch, with the second one of its unfinished rows."""
        requests = self._requests(mixed.prompts, mixed.outputs)
        started = self._run(requests, mixed.limit)
        return perf_counter() - started

    def _requests(self, prompts: Sequence[int], outputs: Sequence[int]) -> list[Timed]:
        return [
            Timed(key, self._rng.integers(0, self._vocabulary, prompt).tolist(), output)
            for key, (prompt, output) in enumerate(zip(prompts, outputs, strict=True))
        ]

    def _run(self, requests: Sequence[Timed], limit: int | None) -> float:
        """Runs a batch, and its unfinished rows in a second one; returns when it started."""
        longest = max(request.budget for request in requests)
        bounds = [0, longest] if limit is None or limit >= longest else [0, limit, longest]
        policy = Policy(
            batch_size=len(requests),
            edges=multibin.Edges(bounds),
            fill="strict",
            overrun="climb" if len(bounds) > 2 else "finish",
        )
        scheduler = policy.scheduler(longest, len(requests))
        prompts = [len(request.prompt_tokens) for request in requests]
        self._executor.expect(min(prompts) + 1, max(prompts) + longest)
        with Runner(self._executor, policy, scheduler) as runner:
            started = perf_counter()
            runner.submit(requests, np.zeros(len(requests), dtype=np.int64))
            runner.close()
            while runner.step():
                pass
        return started
