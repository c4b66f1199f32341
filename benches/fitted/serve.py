"""Serves requests at given times through the engine's loop, and keeps when their tokens came.

The clock counts the CPU seconds of the one thread that runs the engine. While no request is there
it jumps to the next arrival. Every few steps a probe of small matrix products is timed, and seconds
count by how fast it was. So other processes of the machine hardly change what is measured.
"""

from __future__ import annotations

import json
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from multibin.llm import SamplingParams
from multibin.llm._engine.budgets import Budgets
from multibin.llm._engine.executor import Executor
from multibin.llm._engine.probe import try_out
from multibin.llm._engine.request import Request
from multibin.llm._engine.runner import Runner
from multibin.llm._engine.sampling.logprobs import TokenLogprobs
from multibin.llm._engine.schedule import Policy
from multibin.llm._load.load_by_name import load_by_name

INTERVAL = 0.02
"""CPU seconds between two probes."""

WEIGHTS = torch.full((256, 256), 1e-3)

__all__ = ["Engine", "Load", "Timed", "draw", "medians", "write"]


@dataclass(frozen=True)
class Load:
    """Log-normal prompts and answers at Poisson times."""

    rate: float
    """Requests per second; infinite: all at once."""
    requests: int
    prompt: float = 100.0
    """Median tokens of a prompt."""
    answer: float = 40.0
    """Median tokens of an answer."""
    sigma: float = 0.7
    """Spread of both."""


class Clock:
    """CPU seconds of this thread at a speed of reference, with jumps over idle time."""

    def __init__(self, requests: int, reference: float) -> None:
        self.unfinished = requests
        self._reference = reference
        self._time, self._speed = 0.0, 1.0
        self._recent = deque([reference], maxlen=3)
        self._last = time.thread_time()

    def now(self) -> float:
        """Returns the seconds since the clock was made."""
        return self._time + (time.thread_time() - self._last) * self._speed

    def jump(self, to: float) -> None:
        """Moves the clock forward to a time, or not at all."""
        self._time += max(0.0, to - self.now())

    def regulate(self) -> None:
        """Runs the probe if the last run is a while ago; it takes no time on the clock."""
        if time.thread_time() - self._last < INTERVAL:
            return
        self._time = self.now()
        self._recent.append(probe())
        self._speed = self._reference / float(np.median(self._recent))
        self._last = time.thread_time()


def probe() -> float:
    """Returns the CPU seconds of some matrix products."""
    start, rows = time.thread_time(), torch.ones(8, 256)
    for _ in range(40):
        rows = torch.tanh(rows @ WEIGHTS)
    return time.thread_time() - start


class Timed(Request):
    """A request that runs to its budget, and notes when its tokens came."""

    clock: Clock

    def __init__(self, key: int, prompt: list[int], budget: int, arrival: float) -> None:
        params = SamplingParams(max_tokens=budget, temperature=0.0, ignore_eos=True)
        super().__init__(key, None, prompt, params, budget=budget, eos=frozenset(), tokenizer=None)
        self.arrival = arrival
        """Seconds on the clock."""
        self.times: list[float] = []
        """The time of each token."""

    def push(self, token: int, logprobs: TokenLogprobs | None = None) -> bool:
        """Takes the next token and returns whether it was the last."""
        self.times.append(self.clock.now())
        self.clock.unfinished -= len(self.times) == self.budget
        return super().push(token, logprobs)


def draw(load: Load, vocabulary: int, context: int, seed: int) -> list[Timed]:
    """Draws requests that fit into the context, in order of arrival."""
    rng = np.random.default_rng(seed)

    def lengths(median: float) -> NDArray[np.int64]:
        drawn = median * np.exp(load.sigma * rng.standard_normal(load.requests))
        return drawn.round().clip(2, context // 2).astype(np.int64)

    prompts, answers = lengths(load.prompt), lengths(load.answer)
    gaps = rng.exponential(1.0, load.requests) / load.rate
    times = np.cumsum(gaps).tolist()
    return [
        Timed(key, rng.integers(0, vocabulary, prompt).tolist(), int(answer), at)
        for key, (prompt, answer, at) in enumerate(zip(prompts, answers, times, strict=True))
    ]


class Engine:
    """The built-in model and the engine's loop in continuous mode."""

    def __init__(self, width: int, slots: int) -> None:
        model, self.title = load_by_name(None, width, device="cpu")
        self.vocabulary, self.context = model.vocabulary, model.context
        self._policy = Policy(scheduling="continuous", batch_size=slots)
        with torch.inference_mode():
            self._executor = Executor(*try_out(model), Budgets())
        self._reference = float(np.median([probe() for _ in range(300)]))

    def serve(self, requests: list[Timed]) -> None:
        """Runs requests at their times, until all have ended."""
        scheduler = self._policy.scheduler(self.context, len(requests), predicted=False, live=True)
        self._executor.expect(2, self.context)
        with Runner(self._executor, self._policy, scheduler) as runner:
            clock, waiting = Clock(len(requests), self._reference), requests[::-1]
            for request in requests:
                request.clock = clock
            while clock.unfinished:
                clock.regulate()
                self._submit(runner, clock, waiting)
                runner.step(0)

    @staticmethod
    def _submit(runner: Runner, clock: Clock, waiting: list[Timed]) -> None:
        """Submits what has arrived; an idle engine waits for the next request."""
        if clock.unfinished == len(waiting):
            clock.jump(waiting[-1].arrival)
        while waiting and waiting[-1].arrival <= clock.now():
            runner.submit([waiting.pop()], np.zeros(1, np.int64))


def medians(rounds: Sequence[list[Timed]]) -> list[Timed]:
    """Returns the requests of the first round, each token at its median time of all rounds."""
    for together in zip(*rounds, strict=True):
        times = np.median([request.times for request in together], axis=0)
        together[0].times = times.tolist()
    return rounds[0]


def write(requests: Sequence[Timed], path: Path, rate: float) -> None:
    """Writes the format of `vllm bench serve --save-result --save-detailed`."""
    columns = dict[str, list[Any]]()
    for request in requests:
        for name, value in _columns(request).items():
            columns.setdefault(name, []).append(value)
    head = {"backend": "multibin", "num_prompts": len(requests), "completed": len(requests)}
    duration = max(request.times[-1] for request in requests) - requests[0].arrival
    result = {**head, "request_rate": rate, "duration": duration, **columns}
    path.write_text(json.dumps(result), encoding="utf-8")


def _columns(request: Timed) -> dict[str, Any]:
    return {
        "input_lens": len(request.prompt_tokens),
        "output_lens": len(request.times),
        "start_times": request.arrival,
        "ttfts": request.times[0] - request.arrival,
        "itls": np.diff(request.times).tolist(),
        "errors": "",
    }
