"""The engine's policies side by side: what is counted, what is drawn, answers to their own ends."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

pytest.importorskip("torch", reason="the engine needs the extra `llm`")

from tests.llm.test_tokenizers import save_byte_tokenizer

from multibin.lab.compare.engine import (
    POLICIES,
    ChatSettings,
    EngineComparison,
    EngineSettings,
    compare_chat,
    compare_engine,
    describe,
    draw,
    table,
)
from multibin.lab.compare.engine._generate import generate
from multibin.lab.compare.engine._policies import FIFO, FOR_CHAT, GENERATE
from multibin.lab.compare.engine._prompts import PROMPTS, SHOWN
from multibin.lab.compare.engine._run import _workload
from multibin.lab.compare.engine._slots import Slots, of_batches, of_refill
from multibin.llm import LLM, BatchRecord, SamplingParams
from multibin.llm._load.models import load
from multibin.llm._load.tiny import tiny_model

PREDICTED = [policy.predicted for policy in POLICIES]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny model, and a tokenizer of bytes without a chat template."""
    folder = tmp_path_factory.mktemp("model")
    tiny_model().save_pretrained(folder)
    save_byte_tokenizer(folder)
    return folder


@pytest.fixture(scope="module")
def answered(folder: Path) -> tuple[EngineComparison, list[str]]:
    said: list[str] = []
    settings = ChatSettings(str(folder), max_tokens=6, bins=2, threads=1)
    return compare_chat(settings, said.append), said


def test_prompts_are_of_all_kinds() -> None:
    assert len(set(PROMPTS)) == 64
    assert sum("one word" in prompt for prompt in PROMPTS) == 16
    assert sum("story" in prompt for prompt in PROMPTS) == 10
    assert len(set(SHOWN)) == 5


def test_every_policy_answers_every_prompt(answered: tuple[EngineComparison, list[str]]) -> None:
    found, said = answered
    assert [result.policy for result in found.results] == [*FOR_CHAT, GENERATE]
    for result in found.results:
        assert result.requests == 64
        assert 64 <= result.slots.tokens <= 64 * 6
        assert 0 < result.slots.efficiency <= 1
        assert result.seconds >= result.latency_at(0.99) >= result.mean_latency > 0
    assert said[0].startswith("loading ")
    assert said[1:] == [f"run {i} of 4: {r.policy.title}" for i, r in enumerate(found.results, 1)]


def test_answers_are_shown(answered: tuple[EngineComparison, list[str]]) -> None:
    found, _ = answered
    assert [prompt for prompt, _ in found.answers] == list(SHOWN)
    text = describe(found)
    assert text.startswith("What is the capital of France? Answer with one word.\n")
    assert text.endswith("1 threads, torch " + text.rpartition("torch ")[2])
    assert "64 prompts of a built-in list" in text
    assert "longest 6 of at most 6; batch size 8; 1 geometric bins" in text


def test_the_baseline_of_transformers_generates_what_the_engine_does() -> None:
    model = load(tiny_model(seed=2).double())
    prompts = [[5, 6, 7], [9] * 12, [8, 8], [30, 1, 2, 3], [77]]
    run = generate(model, prompts, batch_size=2, max_tokens=40)
    engine = LLM(model.module, batch_size=2, scheduling="fifo")
    outputs = engine.generate(prompts, SamplingParams(max_tokens=40, temperature=0), use_tqdm=False)
    slots = of_batches(engine.records, batch_size=2)
    assert run.slots.bars == slots.bars
    assert run.slots.steps == slots.steps
    assert run.slots.tokens == sum(len(output.outputs[0].token_ids) for output in outputs)
    assert run.slots.rows_computed >= slots.rows_computed
    assert run.latencies[0] == run.latencies[1] < run.latencies[4] == run.seconds


def test_drawn_requests_have_their_lengths(tmp_path: Path) -> None:
    settings = EngineSettings(requests=20, repeats=2, batch_size=3, bins=3, threads=1)
    found = compare_engine(settings)
    assert [result.policy.predicted for result in found.results] == PREDICTED
    assert len({result.slots.tokens for result in found.results}) == 1
    assert {len(result.runs) for result in found.results} == {2}
    assert {result.slots.rows_computed for result in found.results} == {
        found.results[0].slots.tokens
    }
    fifo, *others = table(found.results).splitlines()[1:]
    assert fifo.startswith("FIFO ")
    assert fifo.count("(1.00 x)") == 2
    assert len(others) == len(POLICIES) - 1
    draw(found.results, tmp_path / "slots.svg")
    picture = (tmp_path / "slots.svg").read_text()
    assert picture.count("of the slots useful") >= len(POLICIES) or "<svg" in picture


def record(tokens: tuple[int, ...]) -> BatchRecord:
    keys, before = tuple(range(len(tokens))), (0,) * len(tokens)
    return BatchRecord(0, "full", None, keys, before, tokens, 1, 1, sum(tokens), 0.0, 1.0)


def filled(slots: Slots) -> set[tuple[int, int]]:
    """Returns the places of all bars, each once: a slot and a step."""
    places = [
        (bar.slot, step)
        for bar in slots.bars
        for step in range(bar.start, bar.start + bar.useful + bar.wasted)
    ]
    assert len(places) == len(set(places))
    return set(places)


ROWS = st.lists(st.integers(1, 9), min_size=1, max_size=4)


@given(st.lists(ROWS, min_size=1, max_size=5))
def test_batches_fill_their_slots(batches: list[list[int]]) -> None:
    slots = of_batches([record(tuple(tokens)) for tokens in batches], batch_size=4)
    assert len(filled(slots)) == 4 * slots.steps == 4 * sum(map(max, batches))
    assert slots.tokens == slots.rows_computed == sum(map(sum, batches))
    assert slots.ends[-1] == slots.steps


@given(st.lists(st.integers(1, 9), min_size=1, max_size=30))
def test_refilled_slots_wait_at_the_end_only(tokens: list[int]) -> None:
    slots = of_refill(tokens, batch_size=4)
    assert len(filled(slots)) == 4 * slots.steps
    assert slots.tokens == sum(tokens)
    assert max(tokens) <= slots.steps <= sum(tokens) // 4 + max(tokens)


@pytest.mark.parametrize("name", ["bins", "batch_size", "repeats", "max_tokens", "threads"])
def test_bad_settings_are_refused(name: str) -> None:
    values: dict[str, Any] = {name: 0}
    with pytest.raises(ValueError, match=f"^{name} must be at least 1, got 0$"):
        ChatSettings("model", **values)


def test_a_model_without_a_tokenizer_answers_nothing(tmp_path: Path) -> None:
    tiny_model().save_pretrained(tmp_path)
    with pytest.raises(ValueError, match="has no tokenizer: tokenizer="):
        compare_chat(ChatSettings(str(tmp_path)))


def test_the_first_policy_is_the_measure() -> None:
    assert POLICIES[0] is FIFO
    assert not FIFO.refills
    assert [policy.refills for policy in POLICIES].count(True) == 2


def test_long_prompts_are_cut_rather_than_short_outputs_scaled(tmp_path: Path) -> None:
    path = tmp_path / "trace.csv"
    rows = "".join(f"{100_000 if i % 2 else 50},{20 + i % 9}\n" for i in range(60))
    path.write_text("prompt_tokens,output_tokens\n" + rows)
    workload = _workload(EngineSettings(trace=str(path), requests=20), context=1024)
    assert workload.played.output_tokens.tolist() == [20 + i % 9 for i in range(20)]
    assert workload.played.prompt_tokens.tolist() == [50, 996] * 10
    assert "30 of 60 prompts cut to 996 tokens, tokens × 1" in workload.source
