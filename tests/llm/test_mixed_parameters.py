"""Requests with random parameters in one batch: each text is that of the request alone."""

from __future__ import annotations

import random
from typing import Any

import pytest
import torch

from multibin.llm import LLM, RequestOutput, SamplingParams
from multibin.llm._load.tiny import ByteTokenizer, tiny_model

CHOICES: dict[str, Any] = {
    "temperature": lambda rng: rng.uniform(0.2, 2),
    "top_k": lambda rng: rng.randint(1, 300),
    "top_p": lambda rng: rng.uniform(0.1, 1),
    "min_p": lambda rng: rng.uniform(0, 0.4),
    "repetition_penalty": lambda rng: rng.uniform(0.6, 1.8),
    "presence_penalty": lambda rng: rng.uniform(-2, 2),
    "frequency_penalty": lambda rng: rng.uniform(-2, 2),
    "logit_bias": lambda rng: {rng.randrange(250): rng.uniform(-5, 5) for _ in range(3)},
    "bad_words": lambda _: ["ab", "x", "hello"],
    "min_tokens": lambda rng: rng.randint(0, 10),
    "stop_token_ids": lambda rng: [rng.randrange(256) for _ in range(20)],
    "logprobs": lambda _: 3,
    "prompt_logprobs": lambda _: 1,
    "stop": lambda _: ["e", "zz"],
    "n": lambda _: 2,
}


def parameters(seed: int) -> SamplingParams:
    """Returns parameters of which each is there with a probability of 2/5."""
    rng = random.Random(seed)
    chosen = {name: of(rng) for name, of in CHOICES.items() if rng.random() < 0.4}
    return SamplingParams(max_tokens=rng.randint(10, 40), seed=seed, **chosen)


def summary(output: RequestOutput) -> list[Any]:
    return [(c.token_ids, c.text, c.finish_reason, c.stop_reason) for c in output.outputs]


@pytest.fixture(scope="module")
def workload() -> tuple[Any, list[list[int]], list[SamplingParams], list[RequestOutput]]:
    """A model in float64, prompts, their parameters, and what each gives alone."""
    model, rng = tiny_model(context=128).double(), random.Random(7)
    prompts = [[rng.randrange(250) for _ in range(rng.randint(1, 40))] for _ in range(16)]
    params = [parameters(seed) for seed in range(16)]
    llm = LLM(model, ByteTokenizer(), batch_size=1, scheduling="fifo")
    return model, prompts, params, llm.generate(prompts, params, use_tqdm=False)


@pytest.mark.parametrize(
    "options",
    [
        {"batch_size": 8},
        {"batch_size": 5, "edges": [0, 4, 9, 20, 60]},
        {"batch_size": 8, "scheduling": "continuous"},
    ],
)
def test_the_batch_does_not_matter(workload: Any, options: dict[str, Any]) -> None:
    model, prompts, params, alone = workload
    outputs = LLM(model, ByteTokenizer(), **options).generate(prompts, params, use_tqdm=False)
    for one, other in zip(alone, outputs, strict=True):
        assert summary(one) == summary(other)


def test_prompts_in_several_passes_are_scored_as_a_whole(workload: Any) -> None:
    """Prompts with a common beginning among them, whose keys and values are computed once."""
    model = workload[0]
    llm = LLM(model, ByteTokenizer(), max_prefill_tokens=32)
    base = [(7 * i + 3) % 250 for i in range(90)]
    prompts = [[*base, 1], [*base, 2, 3], base[:40], [5]]
    asked = [
        SamplingParams(max_tokens=2, temperature=0, prompt_logprobs=count)
        for count in (0, None, 2, 0)
    ]
    outputs = llm.generate(prompts, asked, use_tqdm=False)
    assert outputs[1].prompt_logprobs is None
    for prompt, output in zip(prompts, outputs, strict=True):
        with torch.inference_mode():
            values = model(torch.tensor([prompt])).logits[0].log_softmax(-1)
        for at, found in enumerate(output.prompt_logprobs or []):
            if at:
                assert found is not None
                own = float(values[at - 1, prompt[at]])
                assert found[prompt[at]].logprob == pytest.approx(own, abs=1e-9)
