"""The steps before the draw: those of transformers, in the order of vLLM, each row alone."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.llm.rows import CPU, Row, logits
from torch.utils._python_dispatch import TorchDispatchMode
from transformers import (
    MinNewTokensLengthLogitsProcessor,
    MinPLogitsWarper,
    NoBadWordsLogitsProcessor,
    RepetitionPenaltyLogitsProcessor,
    SequenceBiasLogitsProcessor,
    TemperatureLogitsWarper,
    TopKLogitsWarper,
    TopPLogitsWarper,
)

from multibin.llm import SamplingParams
from multibin.llm._engine.sampling import Sampler
from multibin.llm._engine.sampling.filters import FEW
from multibin.llm._engine.sampling.sampler import Draws, Processing

Step = Callable[[Any, torch.Tensor], torch.Tensor]


def distributions(rows: list[Row], values: torch.Tensor) -> torch.Tensor:
    """Returns the probabilities from which the sampler would draw, [rows, vocab]."""
    return Draws(rows).filtered(Processing(rows)(values)).softmax(-1)


def counted(row: Row, vocabulary: int) -> torch.Tensor:
    ids = torch.tensor(row.tokens, dtype=torch.int64)
    return torch.bincount(ids, minlength=vocabulary).double()


def reference(row: Row, values: torch.Tensor) -> torch.Tensor:
    """Returns one row's probabilities by transformers' processors in vLLM's order, [1, vocab]."""
    params, ids = row.params, torch.tensor([row.prompt_tokens + row.tokens])
    steps: list[Step] = []
    if row.bad_word_ids:
        steps.append(NoBadWordsLogitsProcessor(row.bad_word_ids))
    if params.min_tokens:
        held = torch.tensor(sorted(row.stop_ids), dtype=torch.int64)
        skipped = len(row.prompt_tokens)
        steps.append(MinNewTokensLengthLogitsProcessor(skipped, params.min_tokens, held))
    if params.logit_bias:
        bias = {(token,): float(bias) for token, bias in params.logit_bias.items()}
        steps.append(SequenceBiasLogitsProcessor(bias))
    if params.repetition_penalty != 1:
        steps.append(RepetitionPenaltyLogitsProcessor(params.repetition_penalty))
    counts = counted(row, values.shape[-1])
    steps.append(lambda _, scores: scores - params.frequency_penalty * counts)
    steps.append(lambda _, scores: scores - params.presence_penalty * counts.clamp(max=1))
    if params.temperature not in (0, 1):
        steps.append(TemperatureLogitsWarper(params.temperature))
    if params.min_p:
        steps.append(MinPLogitsWarper(params.min_p))
    if params.top_k > 0:
        steps.append(TopKLogitsWarper(params.top_k))
    if params.top_p < 1:
        steps.append(TopPLogitsWarper(params.top_p))
    scores = values
    for step in steps:
        scores = step(ids, scores)
    return scores.softmax(-1)


VOCABULARY = 40
PENALTIES = {
    "repetition_penalty": st.floats(0.5, 2),
    "presence_penalty": st.floats(-2, 2),
    "frequency_penalty": st.floats(-2, 2),
}
OTHERS = {
    "temperature": st.floats(0.1, 3),
    "top_k": st.integers(1, VOCABULARY + 5),
    "top_p": st.floats(0.05, 1),
    "min_p": st.floats(0, 0.5),
    "logit_bias": st.dictionaries(
        st.integers(0, VOCABULARY - 1), st.floats(-9, 9) | st.just(-math.inf), max_size=4
    ),
    "min_tokens": st.integers(0, 6),
    "bad_words": st.just(["x"]),
}
ids = st.integers(0, VOCABULARY - 1)


@st.composite
def rows(draw: st.DrawFn) -> Row:
    """A row with some parameters, and tokens from few ids, so that they repeat."""
    optional: Any = {**PENALTIES, **OTHERS}
    params = SamplingParams(**draw(st.fixed_dictionaries({}, optional=optional)))
    words = st.lists(st.lists(st.integers(0, 5), min_size=1, max_size=3), min_size=1, max_size=4)
    return Row(
        params,
        seed=draw(st.integers(0, 2**64 - 1)),
        tokens=draw(st.lists(st.integers(0, 5), max_size=6)),
        prompt_tokens=draw(st.lists(st.integers(0, 5) | ids, min_size=1, max_size=5)),
        stop_ids=draw(st.frozensets(ids, min_size=1, max_size=3)),
        bad_word_ids=draw(words) if params.bad_words else [],
    )


seeds = st.integers(0, 10**6)


@settings(deadline=None, max_examples=300)
@given(rows(), seeds)
def test_the_distribution_is_that_of_transformers(row: Row, seed: int) -> None:
    values = logits(1, VOCABULARY, seed)
    found, expected = distributions([row], values.clone()), reference(row, values)
    if math.isnan(float(expected[0, 0])):
        # Everything is banned.
        assert not found.isfinite().any()
        return
    assert (found - expected).abs().max() < 1e-12


@settings(deadline=None, max_examples=100)
@given(st.lists(rows(), min_size=2, max_size=5), seeds)
def test_a_rows_parameters_never_touch_another_row(batch: list[Row], seed: int) -> None:
    """Over several steps, with rows that leave on the way: bitwise the same as each alone."""
    alone = [Sampler([row], CPU) for row in batch]
    texts: list[list[int]] = [[] for _ in batch]
    running, together = list(range(len(batch))), Sampler(batch, CPU)
    for step in range(5):
        values = logits(len(batch), VOCABULARY, seed + step)
        each = [distributions([row], values[at : at + 1]) for at, row in enumerate(batch)]
        both = distributions([batch[at] for at in running], values[running])
        for place, at in enumerate(running):
            assert torch.equal(both[place], each[at][0]) or both[place].isnan().all()
        expected = [alone[at](values[at : at + 1]).item() for at in running]
        assert together(values[running]).tolist() == expected
        assert [one.token for one in together.read()] == expected
        for at, token in zip(running, expected, strict=True):
            batch[at].tokens.append(int(token))
            texts[at].append(int(token))
        if step % 2 and len(running) > 1:
            running.pop(step % len(running))
            together = Sampler([batch[at] for at in running], CPU)


@pytest.mark.parametrize("vocabulary", [2 * FEW, 2 * FEW + 1, 1000])
@pytest.mark.parametrize("top_k", [1, FEW, FEW + 1, 500])
def test_filters_of_a_large_vocabulary(vocabulary: int, top_k: int) -> None:
    row = Row(SamplingParams(top_k=top_k, top_p=0.7, min_p=0.01, temperature=1.3))
    values = logits(1, vocabulary)
    found, expected = distributions([row], values), reference(row, values)
    assert (found - expected).abs().max() < 1e-12
    # Equal logits, as half-precision models have. Transformers drops any of them.
    values = (values * 4).round() / 4
    found, expected = distributions([row], values), reference(row, values)
    assert (found.sort().values - expected.sort().values).abs().max() < 1e-12


def test_greedy_rows_take_the_likeliest_behind_the_penalties() -> None:
    values = torch.tensor([[3.0, 2.9, 1.0, 0.0]])
    cases: list[tuple[dict[str, Any], int]] = [
        ({}, 0),
        ({"repetition_penalty": 1.2}, 1),
        ({"presence_penalty": 0.05}, 0),
        ({"frequency_penalty": 0.06}, 1),
        ({"logit_bias": {2: 5.0}}, 2),
        ({"min_tokens": 3}, 1),
        ({"min_tokens": 2}, 0),
        ({"top_k": 1, "min_p": 1.0, "top_p": 0.1}, 0),
    ]
    batch = [
        Row(SamplingParams(temperature=0, **options), tokens=[0, 0], stop_ids=frozenset([0]))
        for options, _ in cases
    ]
    found = Sampler(batch, CPU)(values.expand(len(cases), -1))
    assert found.tolist() == [token for _, token in cases]


def test_counts_follow_the_tokens_of_the_sampler() -> None:
    """A frequency penalty that grows by 1 with each token: every token has its turn."""
    row = Row(SamplingParams(temperature=0, frequency_penalty=1))
    sampler = Sampler([row], CPU)
    values = torch.tensor([[2.5, 2.0, 1.2]])
    assert [sampler(values).item() for _ in range(6)] == [0, 1, 0, 2, 1, 0]


def test_bad_words_of_several_tokens_end_anywhere() -> None:
    """The prompt counts, and what the sampler itself gave."""
    row = Row(SamplingParams(temperature=0, bad_words=["x"]), prompt_tokens=[4, 3])
    row.bad_word_ids = [[3, 0], [1, 1], [7, 7, 7, 7, 2]]
    sampler = Sampler([row], CPU)
    values = torch.tensor([[9.0, 8.0, 1.0, 0.0, 0.0, 0.0]])
    assert [sampler(values).item() for _ in range(3)] == [1, 0, 0]
    values[0, 0] = 0
    assert [sampler(values).item() for _ in range(4)] == [1, 2, 1, 2]


def test_ids_beyond_the_logits_have_no_effect() -> None:
    """Some models embed more tokens than they give logits for."""
    params = SamplingParams(
        temperature=0, repetition_penalty=2, presence_penalty=1, logit_bias={9: 5}, min_tokens=3
    )
    row = Row(params, tokens=[8], prompt_tokens=[9], stop_ids=frozenset([7]))
    row.bad_word_ids = [[9], [9, 7]]
    values = logits(1, 5)
    assert torch.equal(distributions([row], values), values.softmax(-1))


def test_the_models_logits_are_left_as_they_are() -> None:
    params = SamplingParams(
        logit_bias={1: 1.0}, presence_penalty=1, top_k=2, min_p=0.5, logits_processors=[_zero]
    )
    values = logits(2)
    kept = values.clone()
    Sampler([Row(params, tokens=[3])] * 2, CPU)(values)
    assert torch.equal(values, kept)


def _zero(_: list[int], values: torch.Tensor) -> torch.Tensor:
    return values.zero_()


WAITS = {"_local_scalar_dense", "nonzero", "equal", "is_nonzero", "masked_select", "_unique2"}


class NoWaits(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Fails where an operation would wait for the device."""

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        del types
        assert func.overloadpacket.__name__ not in WAITS, func
        indices = args[1] if func.overloadpacket.__name__.startswith("index") else ()
        for index in indices if isinstance(indices, list | tuple) else ():
            assert index is None or index.dtype != torch.bool, func
        return func(*args, **(kwargs or {}))


EVERYTHING = SamplingParams(
    temperature=0.7,
    top_k=9,
    top_p=0.9,
    min_p=0.01,
    repetition_penalty=1.2,
    presence_penalty=0.3,
    frequency_penalty=0.3,
    logit_bias={3: 1.0},
    min_tokens=4,
    bad_words=["x"],
    logprobs=3,
)


def everything() -> list[Row]:
    words = [[1, 2], [4], [5, 6, 7]]
    row = Row(EVERYTHING, 5, [1], [2, 3], frozenset([8]), words)
    return [row, Row(SamplingParams(temperature=0)), Row(SamplingParams(top_p=0.5), 3)]


def test_nothing_waits_for_the_device() -> None:
    batch = everything()
    with NoWaits():  # type: ignore[no-untyped-call]
        sampler = Sampler(batch, CPU)
        for step in range(3):
            sampler(logits(3, seed=step))
    with pytest.raises(AssertionError), NoWaits():  # type: ignore[no-untyped-call]
        sampler(logits(3))[0].item()


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_nothing_waits_for_the_gpu() -> None:
    batch, device = everything(), torch.device("cuda")
    values = [logits(3, seed=step).to(device) for step in range(3)]
    Sampler(batch, device)(values[0])
    torch.cuda.set_sync_debug_mode("error")
    try:
        sampler = Sampler(batch, device)
        for one in values:
            sampler(one)
    finally:
        torch.cuda.set_sync_debug_mode("default")
    expected = Sampler(batch, CPU)
    assert [expected(one.cpu()).tolist() for one in values][-1] == [
        step.token for step in sampler.read()
    ]
