"""Greedy text in float64 is that of transformers for each prompt alone, token for token."""

from __future__ import annotations

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.llm.greedy import Reference, continued, greedy, tokens

from multibin.llm import LLM

EDGES = [0, 4, 10, 25, 60]

FIFO = {"scheduling": "fifo"}
STRICT = {"edges": EDGES, "fill": "strict", "overrun": "finish"}
ELASTIC = {"edges": EDGES, "fill": "elastic", "overrun": "finish"}
CLIMB = {"edges": EDGES, "overrun": "climb"}
STRICT_CLIMB = {"edges": EDGES, "fill": "strict", "overrun": "climb"}

POLICIES: dict[str, tuple[dict[str, Any], str | None]] = {
    "fifo": (FIFO, None),
    "strict bins, oracle": (STRICT, "oracle"),
    "strict bins, wrong": (STRICT, "wrong"),
    "elastic bins, oracle": (ELASTIC, "oracle"),
    "elastic bins, no lengths": (ELASTIC, None),
    "climbing, no lengths": (CLIMB, None),
    "climbing, oracle": (CLIMB, "oracle"),
    "climbing, wrong": (CLIMB, "wrong"),
    "climbing, all zero": (CLIMB, "zero"),
    "climbing strict, wrong": (STRICT_CLIMB, "wrong"),
    "default bins": ({"bins": 5}, None),
    "one bin, climbing": ({"bins": 1}, None),
}


def predictions(kind: str | None, budgets: list[int]) -> list[int] | None:
    """Returns lengths that are right, too short and too long, all zero, or None."""
    guesses = {
        "oracle": budgets,
        "wrong": [1 if i % 2 else 10 * budget for i, budget in enumerate(budgets)],
        "zero": [0] * len(budgets),
    }
    return None if kind is None else guesses[kind]


def common_token(texts: list[list[int]]) -> int:
    """Returns a token with which some texts end early, and others not at all."""
    inside = Counter(token for text in texts for token in set(text[1:-1]))
    candidates = [t for t, n in inside.items() if 4 <= n <= len(texts) // 2]
    return max(candidates, key=lambda t: inside[t])


@pytest.fixture
def llm(llama: Any) -> LLM:
    """An engine on the Llama, with batches of four."""
    return LLM(llama, batch_size=4)


@pytest.fixture
def expected(
    llama: Any, prompts: list[list[int]], budgets: list[int], reference: Reference
) -> list[list[int]]:
    """What transformers continues the prompts with, on the Llama."""
    return reference(llama, prompts, budgets)


@pytest.mark.parametrize("policy", POLICIES)
def test_equals_transformers_under_every_policy(
    model: Any, policy: str, prompts: list[list[int]], budgets: list[int], reference: Reference
) -> None:
    options, kind = POLICIES[policy]
    llm = LLM(model, batch_size=4, **options)
    lengths = predictions(kind, budgets)
    outputs = llm.generate(prompts, greedy(budgets), lengths=lengths, use_tqdm=False)
    assert tokens(outputs) == reference(model, prompts, budgets)
    assert {output.outputs[0].finish_reason for output in outputs} == {"length"}


@pytest.mark.parametrize("policy", ["fifo", "elastic bins, oracle", "climbing, no lengths"])
def test_rows_that_end_early_leave(
    model: Any,
    policy: str,
    prompts: list[list[int]],
    reference: Reference,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    budgets = [40] * len(prompts)
    eos = common_token(reference(model, prompts, budgets))
    texts = reference(model, prompts, budgets, eos)
    lengths = [len(text) for text in texts]
    assert 3 <= sum(length < 40 for length in lengths) < len(prompts)

    monkeypatch.setattr(model.generation_config, "eos_token_id", eos)
    options, kind = POLICIES[policy]
    llm = LLM(model, batch_size=4, **options)
    guesses = predictions(kind, lengths)
    outputs = llm.generate(prompts, greedy(budgets), lengths=guesses, use_tqdm=False)
    assert tokens(outputs) == texts
    for output in outputs:
        completion = output.outputs[0]
        stopped = completion.token_ids[-1] == eos
        assert completion.finish_reason == ("stop" if stopped else "length")
        assert completion.stop_reason is None
    assert sum(record.rows_computed for record in llm.records) == sum(lengths)


def test_ignore_eos_runs_on(
    llama: Any, prompts: list[list[int]], reference: Reference, monkeypatch: pytest.MonkeyPatch
) -> None:
    budgets = [40] * len(prompts)
    texts = reference(llama, prompts, budgets)
    monkeypatch.setattr(llama.generation_config, "eos_token_id", [common_token(texts), 0])
    assert continued(LLM(llama, batch_size=8), prompts, budgets, ignore_eos=True) == texts


@pytest.mark.parametrize("batch_size", [1, 3, 64])
def test_any_batch_size(
    llama: Any,
    batch_size: int,
    prompts: list[list[int]],
    budgets: list[int],
    expected: list[list[int]],
) -> None:
    assert continued(LLM(llama, batch_size=batch_size), prompts, budgets) == expected


def test_an_llm_is_reused(
    llm: LLM, llama: Any, prompts: list[list[int]], budgets: list[int], reference: Reference
) -> None:
    """A second call runs in the slots of the first, among what it left there."""
    continued(llm, prompts, [60] * len(prompts))
    backwards = prompts[::-1]
    assert continued(llm, backwards, budgets) == reference(llama, backwards, budgets)


def test_the_context_ends_a_text(model: Any, reference: Reference) -> None:
    """128 positions: the last token of a text is never fed, so a full prompt still gets one."""
    prompts = [[5] * 128, [6, 7] * 60, [8] * 127]
    room = [1, 9, 2]
    llm = LLM(model, batch_size=2)
    outputs = llm.generate(prompts, greedy([300] * 3), lengths=[300, 0, 3], use_tqdm=False)
    assert tokens(outputs) == reference(model, prompts, room)
    assert [output.outputs[0].finish_reason for output in outputs] == ["length"] * 3


def test_outputs_come_in_the_callers_order_with_their_prompts(
    llm: LLM, prompts: list[list[int]], budgets: list[int]
) -> None:
    outputs = llm.generate(prompts, greedy(budgets), lengths=budgets, use_tqdm=False)
    assert [output.prompt_token_ids for output in outputs] == prompts
    assert [output.request_id for output in outputs] == [str(i) for i in range(len(prompts))]
    assert all(output.finished and output.prompt is None for output in outputs)
    for output in outputs:
        times = output.metrics
        assert times.arrival_time <= times.first_token_time <= times.finished_time


def test_calls_from_several_threads_run_one_after_another(
    llm: LLM, prompts: list[list[int]], budgets: list[int], expected: list[list[int]]
) -> None:
    def call(order: slice) -> list[list[int]]:
        return continued(llm, prompts[order], budgets[order])

    orders = [slice(None), slice(None, None, -1), slice(5), slice(7, 15)]
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(call, orders)) == [expected[order] for order in orders]


@settings(deadline=None, max_examples=25)
@given(data=st.data())
def test_no_policy_and_no_prediction_changes_a_text(
    llama: Any, prompts: list[list[int]], reference: Reference, data: st.DataObject
) -> None:
    whole = reference(llama, prompts, [60] * len(prompts))
    chosen = data.draw(st.lists(st.integers(0, len(prompts) - 1), min_size=1, max_size=12))
    sizes = st.lists(st.integers(1, 40), min_size=len(chosen), max_size=len(chosen))
    budgets, lengths = data.draw(sizes), data.draw(st.none() | sizes)
    edges = data.draw(st.lists(st.integers(0, 40), min_size=2, max_size=6, unique=True).map(sorted))
    llm = LLM(
        llama,
        batch_size=data.draw(st.integers(1, 6)),
        edges=edges,
        fill=data.draw(st.sampled_from(["elastic", "strict"])),
        overrun=data.draw(st.sampled_from(["climb", "finish"])),
        order=data.draw(st.sampled_from([None, "formed", "oldest", "shortest"])),
    )
    texts = continued(llm, [prompts[i] for i in chosen], budgets, lengths=lengths)
    assert texts == [whole[i][:budget] for i, budget in zip(chosen, budgets, strict=True)]
