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
    """A request that runs to its budget and notes when its tokens came and its state was back."""

    def __init__(
        self, key: int, prompt: list[int], budget: int, clock: Callable[[], float]
    ) -> None:
        self._clock = clock
        self._parked: ParkedRow | None = None
        params = SamplingParams(max_tokens=budget, temperature=0.0, ignore_eos=True)
        super().__init__(key, None, prompt, params, budget=budget, eos=frozenset(), tokenizer=None)
        self.times: list[float] = []
        """When each token came."""
        self.restored = 0.0
        """When its state was last back in the arena."""

    @property
    def parked(self) -> ParkedRow | None:
        """Its cached keys and values between two batches."""
        return self._parked

    @parked.setter
    def parked(self, row: ParkedRow | None) -> None:
        self._parked = row
        if row is None:
            self.restored = self._clock()

    def push(self, token: int) -> bool:
        """Takes the next token; whether it was the last."""
        # On the host, so the device has nothing left to do for it.
        self.times.append(perf_counter())
        return super().push(token)


@dataclass(frozen=True)
class Cell:
    """Seconds at one point of the grid."""

    step: float
    prefill: float
    move: float


@dataclass(frozen=True)
class Mixed:
    """A batch of unlike rows: element i of each belongs to row i."""

    prompts: tuple[int, ...]
    outputs: tuple[int, ...]
    limit: int | None
    """Tokens after which the unfinished rows are parked; they go on together in a second batch."""


class Bench:
    """Runs batches of random tokens on one model. To be used in inference mode."""

    def __init__(self, model: Model) -> None:
        self._model = model
        self._loop = Loop(*try_out(model))
        self._rng = np.random.default_rng(0)

    def cell(self, rows: int, tokens: int) -> Cell:
        """Measures one point: a batch that parks its rows behind their prompts, and one that takes
        them up and decodes.

        Of several rows one is a token shorter, because attention takes another path where all are
        of one length, and rows of real batches are not.
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
        """Runs a batch to the end, the second one of those who outlive its limit included."""
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
        """When a batch started and ended, with nothing left to do on the device."""
        started = self._now()
        self._loop.run(requests, limit, finished=lambda _: None)
        return started, self._now()

    def _now(self) -> float:
        """Seconds, once the device has done what it was given."""
        if self._model.device.type == "cuda":
            torch.cuda.synchronize(self._model.device)
        return perf_counter()
