"""Log probabilities of generated tokens and of prompts."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from tests.llm.rows import CPU, Row, logits

from multibin.llm import LLM, Logprob, SamplingParams
from multibin.llm._engine.request import Request
from multibin.llm._engine.sampling import Sampler
from multibin.llm._engine.sampling.logprobs import CHUNK
from multibin.llm._load.tiny import ByteTokenizer, tiny_model


def expected(values: torch.Tensor, token: int, count: int) -> dict[int, tuple[float, int]]:
    """Returns log probability and rank by token, from one row of logits, by sorting it."""
    logprobs = values.double().log_softmax(-1)
    order = logprobs.argsort(descending=True).tolist()
    shown = [token, *order[: len(order) if count < 0 else count]]
    return {one: (float(logprobs[one]), order.index(one) + 1) for one in shown}


def same(found: dict[int, Logprob], values: torch.Tensor, token: int, count: int) -> bool:
    wanted = expected(values, token, count)
    assert list(found) == list(wanted)
    assert [one.rank for one in found.values()] == [rank for _, rank in wanted.values()]
    each = zip(found.values(), wanted.values(), strict=True)
    return all(one.logprob == pytest.approx(logprob, abs=1e-5) for one, (logprob, _) in each)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16])
def test_they_are_those_of_the_models_own_logits(dtype: Any) -> None:
    counts = [2, None, 0, -1, 5, 10**6]
    options: dict[str, Any] = {"temperature": 0.3, "top_k": 3, "logit_bias": {1: 9.0}}
    rows = [Row(SamplingParams(logprobs=n, **options), seed) for seed, n in enumerate(counts)]
    # No two logits of a row are equal, so that ranks are certain.
    values = logits(len(rows), 20).argsort().div(4).to(dtype)
    sampler = Sampler(rows, CPU)
    tokens = sampler(values).tolist()
    for row, token, step, count in zip(values, tokens, sampler.read(), counts, strict=True):
        assert step.token == token
        if count is None:
            assert step.logprobs is None
            continue
        assert step.logprobs is not None
        found = {
            one: Logprob(logprob, rank) for one, logprob, rank in zip(*step.logprobs, strict=True)
        }
        assert same(found, row, token, count)


def test_equal_logits_count_in_the_rank() -> None:
    sampler = Sampler([Row(SamplingParams(temperature=0, logprobs=0))], CPU)
    sampler(torch.zeros(1, 4))
    [step] = sampler.read()
    assert step.logprobs is not None
    assert step.logprobs.ranks == [4]


def test_generate_reports_them() -> None:
    model = tiny_model().double()
    params = SamplingParams(max_tokens=5, temperature=0, logprobs=2, ignore_eos=True)
    [output] = LLM(model, ByteTokenizer()).generate("once", params, use_tqdm=False)
    completion = output.outputs[0]
    ids = torch.tensor([output.prompt_token_ids + completion.token_ids])
    with torch.inference_mode():
        values = model(ids).logits[0, len(output.prompt_token_ids) - 1 : -1]
    assert completion.logprobs is not None
    for found, row, token in zip(completion.logprobs, values, completion.token_ids, strict=True):
        assert same(found, row, token, 2)
        assert found[token].decoded_token == ByteTokenizer().decode([token])
    own = zip(completion.logprobs, completion.token_ids, strict=True)
    total = sum(found[token].logprob for found, token in own)
    assert completion.cumulative_logprob == pytest.approx(total)


def test_unasked_ones_are_none() -> None:
    params = SamplingParams(max_tokens=2)
    [output] = LLM(tiny_model(), ByteTokenizer()).generate("a", params, use_tqdm=False)
    assert output.prompt_logprobs is None
    assert output.outputs[0].logprobs is None
    assert output.outputs[0].cumulative_logprob is None


@pytest.mark.parametrize("length", [1, 2, 5, CHUNK + 1, CHUNK + 2, 2 * CHUNK + 7])
@pytest.mark.parametrize("count", [0, 3, -1])
def test_prompt_logprobs(length: int, count: int) -> None:
    prompt = torch.randint(20, (length,), generator=torch.Generator().manual_seed(1)).tolist()
    params = SamplingParams(prompt_logprobs=count)
    request = Request(0, None, prompt, params, budget=1, eos=frozenset(), tokenizer=None)
    values = logits(length, 20)
    request.take_prompt_logits(values)
    request.push(3)
    found = request.output().prompt_logprobs
    assert found is not None
    assert found[0] is None
    assert len(found) == length
    for one, row, token in zip(found[1:], values, prompt[1:], strict=False):
        assert one is not None
        assert same(one, row, token, count)
        assert one[token].decoded_token is None
