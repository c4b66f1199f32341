"""The engine's own loop, with a clock."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from time import perf_counter

import numpy as np
import torch

from multibin.llm._engine.kv_cache import ParkedRow
from multibin.llm._engine.loop import Loop
from multibin.llm._engine.probe import try_out
from multibin.llm._engine.request import Request
from multibin.llm._load.models import Model
from multibin.llm._params import SamplingParams

__all__ = ["STEPS", "Bench", "Cell", "Mixed"]

STEPS = 16
"""Decode steps of a measurement."""


class Timed(Request):
    """A request that runs to its budget, and notes when tokens came and when its state was back."""

    def __init__(
        self, key: int, prompt: list[int], budget: int, clock: Callable[[], float]
    ) -> None:
        self._clock = clock
        self._parked: ParkedRow | None = None
        params = SamplingParams(max_tokens=budget, temperature=0.0, ignore_eos=True)
        super().__init__(key, None, prompt, params, budget=budget, eos=frozenset(), tokenizer=None)
        self.times: list[float] = []
        """The time of each token."""
        self.restored = 0.0
        """The time when its state was last back in the KV cache."""

    @property
    def parked(self) -> ParkedRow | None:
        """Returns the cached keys and values between two batches."""
        return self._parked

    @parked.setter
    def parked(self, row: ParkedRow | None) -> None:
        self._parked = row
        if row is None:
            self.restored = self._clock()

    def push(self, token: int) -> bool:
        """Takes the next token and returns whether it was the last."""
        # The token is on the host, so the device has nothing left to do for it.
        self.times.append(perf_counter())
        return super().push(token)


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
    """Runs batches of random tokens on one model. Its caller sets inference mode."""

    def __init__(self, model: Model) -> None:
        self._model = model
        self._loop = Loop(*try_out(model))
        self._rng = np.random.default_rng(0)

    def cell(self, rows: int, tokens: int) -> Cell:
        """Measures one point with two batches.

        The first parks its rows after their prompts; the second resumes them and decodes. Of
        several rows one is a token shorter: attention takes another path for rows of one length,
        and rows of real batches differ.
        """
        prompts = [tokens] * rows
        if rows > 1 and tokens > 1:
            prompts[-1] -= 1
        requests = self._requests(prompts, [1 + STEPS] * rows)
        first = requests[0]
        started, parked = self._run(requests, 1)
        resumed, _ = self._run(requests, None)
        return Cell(
            step=(first.times[-1] - first.restored) / STEPS,
            prefill=first.times[0] - started,
            move=(parked - first.times[0]) + (first.restored - resumed),
        )

    def seconds(self, mixed: Mixed) -> float:
        """Returns the seconds of a batch, with the second one of its unfinished rows."""
        requests = self._requests(mixed.prompts, mixed.outputs)
        started, ended = self._run(requests, mixed.limit)
        seconds = ended - started
        if unfinished := [r for r in requests if r.finish_reason is None]:
            started, ended = self._run(unfinished, None)
            seconds += ended - started
        return seconds

    def _requests(self, prompts: Sequence[int], outputs: Sequence[int]) -> list[Timed]:
        vocabulary = self._model.vocabulary
        return [
            Timed(key, self._rng.integers(0, vocabulary, prompt).tolist(), output, self._now)
            for key, (prompt, output) in enumerate(zip(prompts, outputs, strict=True))
        ]

    def _run(self, requests: Sequence[Timed], limit: int | None) -> tuple[float, float]:
        """Runs a batch and returns when it started and ended, with the device idle."""
        started = self._now()
        self._loop.run(requests, limit, finished=lambda _: None)
        return started, self._now()

    def _now(self) -> float:
        """Returns the time in seconds once the device is idle."""
        if self._model.device.type == "cuda":
            torch.cuda.synchronize(self._model.device)
        return perf_counter()
