"""Policies: their arguments, the edges of a call, and the batches that result."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import pytest
import torch
from tests.llm.runs import executor, finish, open_runner, request, run, submit, text

import multibin
from multibin.llm import LLM, SamplingParams
from multibin.llm._engine.request import Request
from multibin.llm._engine.runner import Runner
from multibin.llm._engine.schedule import Policy, geometric_edges
from multibin.llm._load.tiny import tiny_model


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"scheduling": "refill"}, ValueError, "scheduling must be one of .* got 'refill'"),
        ({"scheduling": "FIFO"}, ValueError, "scheduling must be one of"),
        ({"batch_size": 0}, ValueError, "batch_size must be at least 1, got 0"),
        ({"batch_size": 2.0}, TypeError, "batch_size must be an int, got 2"),
        ({"bins": 0}, ValueError, "bins must be at least 1, got 0"),
        ({"edges": [3, 1]}, ValueError, r"edges must be .*, got \[3, 1\]: "),
        ({"edges": []}, ValueError, r"edges must be .*, got \[\]: "),
        ({"edges": 7}, TypeError, "edges must be .* got 7"),
        ({"edges": "ab"}, TypeError, "edges must be .* got 'ab'"),
        ({"edges": {1, 2}}, TypeError, r"edges must be .* got \{1, 2\}"),
        ({"edges": [0, [1]]}, ValueError, r"edges must be .*, got \[0, \[1\]\]: "),
        ({"edges": np.array(7)}, ValueError, r"edges must be .*, got array\(7\): "),
        ({"edges": [0, "x"]}, TypeError, r"edges must be .*, got \[0, 'x'\]: "),
        ({"fill": "full"}, ValueError, "fill must be one of .* got 'full'"),
        ({"overrun": "restart"}, ValueError, "overrun must be one of .* got 'restart'"),
        ({"refill_every": 0}, ValueError, "refill_every must be at least 1, got 0"),
        ({"refill_every": 1.5}, TypeError, "refill_every must be an int, got 1.5"),
        ({"max_prefill_tokens": 0}, ValueError, "max_prefill_tokens must be at least 1, got 0"),
        ({"ageing": -1.0}, ValueError, "ageing must be at least 0, got -1"),
        ({"order": "longest"}, ValueError, "order must be one of .* got 'longest'"),
        ({"max_wait": -1.0}, ValueError, "max_wait must be at least 0, got -1"),
        ({"max_wait": float("nan")}, ValueError, "max_wait must be finite, got nan"),
        ({"max_wait": 10**400}, ValueError, "max_wait must be finite, got 1000"),
    ],
)
def test_bad_arguments_are_named_before_the_model_loads(
    arguments: dict[str, Any], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        LLM("no/such/folder", **arguments)


@pytest.mark.parametrize("longest", [1, 15, 16, 17, 18, 40, 256, 4096])
@pytest.mark.parametrize("bins", [1, 2, 3, 16])
def test_geometric_edges(bins: int, longest: int) -> None:
    edges = geometric_edges(bins, longest)
    assert edges[0] == 0
    assert edges[-1] == longest
    assert all(low < high for low, high in pairwise(edges))
    assert len(edges) <= bins + 1
    if bins > 1 and longest > 16:
        assert edges[1] == 16
    multibin.Edges(edges)


@pytest.mark.parametrize("bins", [100, 5000, 10**10, 2**70])
def test_there_are_no_more_bins_than_lengths(bins: int) -> None:
    assert geometric_edges(bins, 60) == [0, *range(16, 61)]
    assert len(multibin.Edges(geometric_edges(bins, 2**31 - 1))) <= 4096


def test_sixteen_bins_have_a_constant_ratio() -> None:
    edges = geometric_edges(16, 4096)
    assert len(edges) == 17
    ratios = [high / low for low, high in pairwise(edges[1:])]
    assert max(ratios) / min(ratios) < 1.05


def test_lengths_without_predictions() -> None:
    budgets = np.array([5, 100])
    assert Policy().lengths(None, budgets).tolist() == [0, 0]
    assert Policy(overrun="finish").lengths(None, budgets).tolist() == [5, 100]
    assert Policy(overrun="recompute").lengths(None, budgets).tolist() == [0, 0]
    assert Policy(scheduling="fifo").lengths(None, budgets).tolist() == [5, 100]
    assert Policy(scheduling="continuous").lengths(None, budgets).tolist() == [5, 100]
    assert Policy().lengths([7.2, 8], budgets).tolist() == [5, 8]


def params(budgets: list[int]) -> list[SamplingParams]:
    return [SamplingParams(max_tokens=n, temperature=0, ignore_eos=True) for n in budgets]


def test_fifo_batches_are_those_of_arrival() -> None:
    llm = LLM(tiny_model(), scheduling="fifo", batch_size=3, edges=[0, 5], overrun="climb")
    budgets = [9, 1, 30, 2, 2, 2, 40]
    llm.generate([[1]] * 7, params(budgets), lengths=budgets, use_tqdm=False)
    assert [record.keys for record in llm.records] == [(0, 1, 2), (3, 4, 5), (6,)]
    assert [record.limit for record in llm.records] == [None] * 3
    assert [record.tokens for record in llm.records] == [(9, 1, 30), (2, 2, 2), (40,)]
    assert [record.steps for record in llm.records] == [30, 2, 40]


def test_strict_bins_hold_rows_of_one_bin() -> None:
    llm = LLM(tiny_model(), batch_size=2, edges=[0, 10, 20, 40], fill="strict", overrun="finish")
    budgets = [5, 30, 12, 6, 35, 15, 7]
    llm.generate([[1]] * 7, params(budgets), lengths=budgets, use_tqdm=False)
    by_bin = {record.keys: record.bin for record in llm.records}
    assert by_bin == {(0, 3): 0, (1, 4): 2, (2, 5): 1, (6,): 0}


def test_records_of_climbing_add_up() -> None:
    llm = LLM(tiny_model(), batch_size=4, edges=[0, 4, 12, 50])
    budgets = [3, 4, 5, 20, 50, 12, 2, 33, 1, 7]
    llm.generate([[1, 2]] * 10, params(budgets), use_tqdm=False)
    done = dict.fromkeys(range(10), 0)
    for record in llm.records:
        assert record.rows == len(record.tokens) == len(record.progress) <= 4
        assert record.limit is None or record.steps <= record.limit
        for key, progress, tokens in zip(record.keys, record.progress, record.tokens, strict=True):
            assert progress == done[key]
            done[key] += tokens
        assert record.rows_computed == record.useful_tokens
        assert record.prefills == (1 if 0 in record.progress else 0)
        assert record.started <= record.finished
    assert list(done.values()) == budgets
    assert any(progress for record in llm.records for progress in record.progress)
    llm.generate([[1]], params([2]), use_tqdm=False)
    assert [record.tokens for record in llm.records] == [(2,)]


@pytest.mark.parametrize("scheduling", ["multibin", "fifo"])
@pytest.mark.parametrize("batch_size", [2**32 - 1, 2**40, 2**70])
def test_a_batch_is_no_larger_than_the_call(scheduling: Any, batch_size: int) -> None:
    llm = LLM(tiny_model(), scheduling=scheduling, batch_size=batch_size)
    llm.generate([[1]] * 3, params([2, 2, 3]), use_tqdm=False)
    assert [record.keys for record in llm.records] == [(0, 1, 2)]
    medium = LLM(tiny_model(), scheduling=scheduling, batch_size=100)
    medium.generate([[1]] * 3, params([2, 2, 3]), use_tqdm=False)
    assert [r.reason for r in llm.records] == [r.reason for r in medium.records]


def test_extreme_arguments_run() -> None:
    llm = LLM(tiny_model(), batch_size=2, bins=10**10, max_wait=1e300)
    outputs = llm.generate([[1]] * 3, params([2, 40, 3]), use_tqdm=False)
    assert [len(output.outputs[0].token_ids) for output in outputs] == [2, 40, 3]


@pytest.mark.parametrize(
    "edges",
    [
        multibin.Edges([0, 4, 8]),
        range(0, 12, 4),
        np.array([0, 4, 8]),
        torch.tensor([0, 4, 8], dtype=torch.bfloat16),
        torch.tensor([0.0, 4.0, 8.0], requires_grad=True),
    ],
)
def test_edges_of_the_caller_are_used(edges: Any) -> None:
    llm = LLM(tiny_model(), batch_size=2, edges=edges)
    llm.generate([[1]] * 2, params([6, 6]), use_tqdm=False)
    assert [(record.bin, record.limit) for record in llm.records] == [(0, 4), (1, None)]


def continuous(**options: Any) -> Policy:
    return Policy(scheduling="continuous", **options)


def first_tokens(requests: list[Request]) -> list[int]:
    """Returns the keys in the order of first tokens."""
    return [r.key for r in sorted(requests, key=lambda r: r.first_token_time)]


def test_continuous_takes_the_longest_prediction_first_and_else_the_order_of_arrival() -> None:
    budgets = [3, 9, 1, 40, 20, 9]
    requests = [request(key, [key + 1], n) for key, n in enumerate(budgets)]
    run(executor(), continuous(batch_size=1), requests, budgets)
    assert first_tokens(requests) == [3, 4, 1, 5, 0, 2]
    requests = [request(key, [key + 1], n) for key, n in enumerate(budgets)]
    run(executor(), continuous(batch_size=1), requests)
    assert first_tokens(requests) == list(range(6))


@pytest.mark.parametrize("every", [1, 3, 4])
def test_rows_are_replaced_every_few_steps(every: int) -> None:
    requests = [request(key, [key + 1], 2 + key % 5) for key in range(12)]
    sizes: list[tuple[int, int]] = []

    def note(runner: Runner, _: int) -> None:
        sizes.append((runner.work.steps, runner.stats()["rows_joining"]))

    runner = run(executor(), continuous(batch_size=4, refill_every=every), requests, between=note)
    assert [r.tokens for r in requests] == [text(r.prompt_tokens, r.budget) for r in requests]
    assert runner.work.prefills <= -(-runner.work.steps // every) + 1
    assert runner.work.rows_computed == sum(r.budget for r in requests)


def overtaken(max_wait: float | None) -> int:
    """Returns how many long requests begin before a short one, while 24 of them always wait."""
    engine, policy = executor(), continuous(batch_size=1, max_wait=max_wait)
    long = [request(key, [5], 4) for key in range(80)]
    short = request(1000, [4], 1)
    with open_runner(engine, policy, [*long, short], predicted=True) as runner:
        submit(runner, long[:24], [4] * 24)
        submit(runner, [short], [1])
        given = 24
        while given < len(long) and short.finish_reason is None:
            if sum(not r.tokens for r in long[:given]) < 24:
                submit(runner, [long[given]], [4])
                given += 1
            runner.step(0)
        runner.close()
        finish(runner)
    return sum(r.first_token_time < short.first_token_time for r in long)


def test_a_short_request_is_not_overtaken_for_ever() -> None:
    """The scheduler's own bound is 1.75 · 24 + 4 requests."""
    assert 40 < overtaken(None) < 60
    assert overtaken(0.02) < 40


def test_an_urgent_request_goes_first_and_waiting_counts() -> None:
    requests = [request(key, [key + 1], 4) for key in range(6)]
    policy = continuous(batch_size=1, ageing=1000.0)
    run(executor(), policy, requests, priorities=[3, 3, 0, 1, 2, 0])
    assert first_tokens(requests) == [2, 5, 3, 4, 0, 1]


@pytest.mark.parametrize(("ageing", "order"), [(1000.0, [2, 3, 0, 1]), (1e-9, [0, 1, 2, 3])])
@pytest.mark.parametrize("lengths", [None, [4, 4]])
def test_priorities_weigh_against_waiting(
    ageing: float, order: list[int], lengths: list[int] | None
) -> None:
    requests = [request(key, [key + 1], 4) for key in range(4)]
    policy = continuous(batch_size=1, ageing=ageing)
    with open_runner(executor(), policy, requests, predicted=lengths is not None) as runner:
        submit(runner, requests[:2], lengths, priorities=[1, 1])
        submit(runner, requests[2:], lengths, priorities=[0, 0])
        runner.close()
        finish(runner)
    assert first_tokens(requests) == order
