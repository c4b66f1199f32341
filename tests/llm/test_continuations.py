"""Several continuations of a prompt, and the parameters of calls that give none."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from tests.llm.greedy import tokens

from multibin.llm import LLM, SamplingParams
from multibin.llm._engine.sampling import sample_seed
from multibin.llm._load.generation_config import default_sampling_params
from multibin.llm._load.tiny import ByteTokenizer, tiny_model


@pytest.fixture(scope="module")
def llm() -> LLM:
    return LLM(tiny_model(), ByteTokenizer(), batch_size=3)


def test_each_continuation_is_that_of_its_own_seed(llm: LLM) -> None:
    params = SamplingParams(max_tokens=12, n=4, seed=7)
    first, second = llm.generate(["a", "b"], [params, SamplingParams(max_tokens=3)], use_tqdm=False)
    assert [completion.index for completion in first.outputs] == [0, 1, 2, 3]
    assert (first.request_id, second.request_id) == ("0", "1")
    assert len(second.outputs) == 1
    for number, completion in enumerate(first.outputs):
        own = SamplingParams(max_tokens=12, seed=sample_seed(7, number))
        [alone] = llm.generate("a", own, use_tqdm=False)
        assert alone.outputs[0].token_ids == completion.token_ids
    assert sample_seed(7, 0) == 7
    assert len({tuple(completion.token_ids) for completion in first.outputs}) == 4


def test_seeds_of_continuations_differ() -> None:
    seeds = {sample_seed(seed, number) for seed in range(100) for number in range(100)}
    assert len(seeds) == 10_000
    assert all(0 <= seed < 2**64 for seed in seeds)


def test_without_a_seed_torchs_generator_gives_one_a_prompt(llm: LLM) -> None:
    def texts(n: int) -> list[list[int]]:
        with torch.random.fork_rng():
            torch.manual_seed(5)
            params = SamplingParams(max_tokens=8, n=n)
            outputs = llm.generate(["a", "a"], params, use_tqdm=False)
            return [completion.token_ids for output in outputs for completion in output.outputs]

    three = texts(3)
    assert three == texts(3)
    assert [three[0], three[3]] == texts(1)
    assert len({tuple(one) for one in three}) == 6


def test_lengths_are_one_a_prompt(llm: LLM) -> None:
    params = SamplingParams(max_tokens=8, n=3, seed=1, ignore_eos=True)
    plain = llm.generate(["a", "b"], params, use_tqdm=False)
    predicted = llm.generate(["a", "b"], params, lengths=[8, 2], use_tqdm=False)
    for one, other in zip(plain, predicted, strict=True):
        assert [c.token_ids for c in one.outputs] == [c.token_ids for c in other.outputs]


def test_the_times_are_those_of_the_first_and_the_last(llm: LLM) -> None:
    params = SamplingParams(max_tokens=8, n=5, seed=1)
    [output] = llm.generate("a", params, use_tqdm=False)
    times = output.metrics
    assert times.arrival_time <= times.first_token_time <= times.finished_time


def test_the_prompt_is_reported_once(llm: LLM) -> None:
    params = SamplingParams(max_tokens=2, n=2, seed=1, prompt_logprobs=1, logprobs=0)
    [output] = llm.generate("abc", params, use_tqdm=False)
    assert output.prompt_logprobs is not None
    with torch.inference_mode():
        values = llm.model(torch.tensor([[97, 98, 99]])).logits[0].log_softmax(-1)
    assert output.prompt_logprobs[0] is None
    for row, token, found in zip(values, (98, 99), output.prompt_logprobs[1:], strict=False):
        assert found is not None
        assert found[token].logprob == pytest.approx(float(row[token]), abs=1e-4)
        assert found[token].decoded_token == chr(token)
        assert int(row.argmax()) in found
    assert all(completion.logprobs for completion in output.outputs)


CONFIG: dict[str, Any] = {
    "temperature": 0.25,
    "top_k": 7,
    "top_p": 0.5,
    "min_p": 0.125,
    "repetition_penalty": 1.5,
}


def configured(**fields: Any) -> Any:
    model = tiny_model()
    for name, value in fields.items():
        setattr(model.generation_config, name, value)
    return model


def test_the_generation_config_gives_the_defaults() -> None:
    model = configured(**CONFIG, max_new_tokens=5, do_sample=False)
    llm = LLM(model, ByteTokenizer())
    expected = SamplingParams(max_tokens=5, **CONFIG)
    assert llm.default_sampling_params == expected
    with torch.random.fork_rng():
        torch.manual_seed(3)
        found = tokens(llm.generate(["a", "b"], use_tqdm=False))
        torch.manual_seed(3)
        assert tokens(llm.generate(["a", "b"], expected, use_tqdm=False)) == found


def test_given_parameters_win() -> None:
    plain, llm = LLM(tiny_model(), ByteTokenizer()), LLM(configured(**CONFIG), ByteTokenizer())
    for params in (SamplingParams(seed=1), SamplingParams(temperature=0)):
        outputs = [one.generate("ab", params, use_tqdm=False) for one in (plain, llm)]
        assert tokens(outputs[0]) == tokens(outputs[1])


def test_without_fields_the_defaults_are_ours() -> None:
    assert default_sampling_params(tiny_model().generation_config) == SamplingParams()
    assert default_sampling_params(None) == SamplingParams()


@pytest.mark.parametrize(
    ("field", "value"),
    [("temperature", -1.0), ("top_p", 0.0), ("top_k", 2.5), ("max_new_tokens", 0)],
)
def test_a_bad_value_is_left_out_with_a_warning(field: str, value: Any) -> None:
    model = configured(**{field: value, "min_p": 0.5})
    with pytest.warns(UserWarning, match=rf"generation_config has {field}={value}, which is not"):
        llm = LLM(model)
    assert llm.default_sampling_params == SamplingParams(min_p=0.5)
