"""A runner on a small arena: requests made by hand, and what holds when all have ended."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cache
from typing import Any, TypeAlias

import numpy as np
import torch
from tests.llm.conftest import build, generated_alone
from transformers import LlamaConfig

from multibin.llm import SamplingParams
from multibin.llm._engine.budgets import Budgets
from multibin.llm._engine.executor import Executor
from multibin.llm._engine.probe import Trial, try_out
from multibin.llm._engine.request import Request
from multibin.llm._engine.runner import Runner
from multibin.llm._engine.schedule import Policy
from multibin.llm._load.models import load

WORDS = 29
"""The vocabulary of the model."""

CONTEXT = 128

MOST_STEPS = 20_000
"""Steps after which a run counts as one without end."""

Between: TypeAlias = Callable[[Runner, int], None]
"""Called behind each step, with its number."""


@cache
def small() -> Any:
    """Returns a Llama of one layer in float64."""
    return build(
        LlamaConfig(
            vocab_size=WORDS,
            hidden_size=16,
            intermediate_size=16,
            num_hidden_layers=1,
            num_attention_heads=2,
            num_key_value_heads=1,
            max_position_embeddings=CONTEXT,
        ),
        seed=3,
    )


@cache
def trial() -> Trial:
    """Returns the model with the engine's attention, and what it caches."""
    with torch.inference_mode():
        return try_out(load(small()))


def executor(positions: int | None = None, *, host: int = 0, masked: bool = False) -> Executor:
    """Returns an executor whose arena has so many positions; None: it grows.

    Args:
        positions: of the arena.
        host: positions that fit into host memory.
        masked: use the attention of the model, with masks.
    """
    model, layout = trial()
    size = layout.position_bytes
    budgets = Budgets(None if positions is None else positions * size, host * size)
    engine = Executor(replace(model, attends=False) if masked else model, layout, budgets)
    # Else a clock decides whether a row is copied or computed again.
    engine.memory.costs.copy_byte = 0.0
    return engine


def request(
    key: int, prompt: list[int], budget: int, *, eos: int | None = None, **options: Any
) -> Request:
    """Returns a request, greedy unless `options` give a temperature."""
    params = SamplingParams(max_tokens=budget, **({"temperature": 0} | options))
    ends = frozenset() if eos is None else frozenset({eos})
    return Request(key, None, prompt, params, budget=budget, eos=ends, tokenizer=None)


@cache
def _text(prompt: tuple[int, ...], budget: int) -> tuple[int, ...]:
    return tuple(generated_alone(small(), prompt, budget, None))


def text(prompt: Sequence[int], budget: int, eos: int | None = None) -> list[int]:
    """Returns the greedy text of transformers."""
    tokens = list(_text(tuple(prompt), min(40, CONTEXT + 1 - len(prompt))))[:budget]
    return tokens[: tokens.index(eos) + 1] if eos in tokens else tokens


def prompt(length: int, seed: int = 0) -> list[int]:
    """Returns random tokens."""
    tokens: list[int] = np.random.default_rng([seed, length]).integers(WORDS, size=length).tolist()
    return tokens


class Ends:
    """Counts how often each request was told that it ended."""

    def __init__(self, requests: Sequence[Request]) -> None:
        self.count = dict.fromkeys((one.key for one in requests), 0)
        for one in requests:
            one.listener = self._hear

    def _hear(self, request: Request) -> None:
        if request.finish_reason is not None:
            self.count[request.key] += 1


def open_runner(
    executor: Executor,
    policy: Policy,
    requests: Sequence[Request],
    *,
    predicted: bool = False,
    capacity: int | None = None,
) -> Runner:
    """Returns a runner for these requests, which are not submitted yet."""
    prompts = [len(one.prompt_tokens) for one in requests]
    finals = [len(one.prompt_tokens) + one.budget for one in requests]
    executor.expect(min(prompts) + 16, max(finals))
    longest = max(one.budget for one in requests)
    scheduler = policy.scheduler(longest, capacity or len(requests), predicted=predicted)
    return Runner(executor, policy, scheduler)


def submit(
    runner: Runner,
    requests: Sequence[Request],
    lengths: Sequence[int] | None = None,
    **options: Any,
) -> None:
    """Submits requests with predicted lengths."""
    budgets = np.array([one.budget for one in requests], dtype=np.int64)
    runner.submit(requests, runner.policy.lengths(lengths, budgets), **options)


def run(
    executor: Executor,
    policy: Policy,
    requests: Sequence[Request],
    lengths: Sequence[int] | None = None,
    *,
    between: Between | None = None,
    **options: Any,
) -> Runner:
    """Runs requests to their ends, and checks that nothing of them is left."""
    ends = Ends(requests)
    with open_runner(executor, policy, requests, predicted=lengths is not None) as runner:
        submit(runner, requests, lengths, **options)
        runner.close()
        finish(runner, between)
        assert_settled(executor)
    assert_empty(executor)
    assert set(ends.count.values()) == {1}
    assert all(one.finish_reason for one in requests)
    return runner


def finish(runner: Runner, between: Between | None = None) -> None:
    """Steps until all requests have ended."""
    number = 0
    while runner.step(0):
        number += 1
        assert number < MOST_STEPS, "the run does not end"
        if between is not None:
            between(runner, number)


def assert_settled(executor: Executor) -> None:
    """Asserts that only kept beginnings of prompts are cached."""
    memory = executor.memory
    assert set(memory.rows.values()) == set(memory.kept)
    assert memory.arena.space.used == sum(row.capacity for row in memory.kept)
    assert not memory.parked
    assert not memory.host_used


def assert_empty(executor: Executor) -> None:
    """Asserts that nothing is cached."""
    memory = executor.memory
    assert not memory.arena.space.used
    assert not len(memory.arena.space)
    assert not memory.rows
    assert not memory.kept
    assert not memory.parked
    assert not memory.host_used
