"""Callables of a request: what they get, and what their failures do."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from tests.llm.rows import CPU, Row, logits

from multibin.llm import LLM, SamplingParams
from multibin.llm._engine.sampling import Sampler
from multibin.llm._load.tiny import ByteTokenizer, tiny_model


def greedy(*processors: Any, **options: Any) -> SamplingParams:
    return SamplingParams(temperature=0, logits_processors=list(processors), **options)


def only(token: int) -> Callable[[list[int], torch.Tensor], torch.Tensor]:
    """Returns a processor that allows one token."""

    def processor(_: list[int], values: torch.Tensor) -> torch.Tensor:
        mask = torch.full_like(values, -torch.inf)
        mask[token] = 0
        return values + mask

    return processor


def test_processors_get_their_own_row_and_tokens() -> None:
    seen = []

    def two(tokens: list[int], values: torch.Tensor) -> torch.Tensor:
        seen.append((tokens, values.clone()))
        return values

    def three(prompt: list[int], tokens: list[int], values: torch.Tensor) -> torch.Tensor:
        seen.append((prompt + tokens, values.clone()))
        return values.fill_(0)

    rows = [Row(greedy()), Row(greedy(two, three, two), tokens=[5], prompt_tokens=[7, 8])]
    values = logits(2)
    assert Sampler(rows, CPU)(values).tolist() == [int(values[0].argmax()), 0]
    assert [tokens for tokens, _ in seen] == [[5], [7, 8, 5], [5]]
    assert torch.equal(seen[0][1], values[1])
    assert torch.equal(seen[2][1], torch.zeros(50, dtype=torch.float64))


def test_processors_come_behind_the_bias_and_before_the_penalties() -> None:
    seen = []

    def keep(_: list[int], values: torch.Tensor) -> torch.Tensor:
        seen.append(values.tolist())
        return values

    params = greedy(keep, logit_bias={0: 2.0}, presence_penalty=1)
    Sampler([Row(params, tokens=[1])], CPU)(torch.tensor([[1.0, 1.0]]))
    assert seen == [[3.0, 1.0]]


def fails(*_: Any) -> Any:
    raise RuntimeError("no grammar")


@pytest.mark.parametrize(
    ("processor", "message"),
    [
        (fails, "no grammar"),
        (lambda _, values: values[:3], r"logits_processors must be .* \[50\], got \[3\]"),
        (lambda *_: None, r"logits_processors must be .* got None"),
    ],
)
def test_an_error_stays_with_its_request(processor: Any, message: str) -> None:
    bad, values = Row(greedy(only(3), processor)), logits(3)
    rows = [Row(greedy(only(4))), bad, Row(greedy())]
    tokens = Sampler(rows, CPU)(values).tolist()
    assert tokens == [4, int(values[1].argmax()), int(values[2].argmax())]
    assert [row.error is None for row in rows] == [True, False, True]
    with pytest.raises((RuntimeError, ValueError), match=message):
        raise bad.error or AssertionError


def test_generate_with_processors() -> None:
    llm = LLM(tiny_model(), ByteTokenizer(), batch_size=3)
    text = list(b"yes.")

    def spell(tokens: list[int], values: torch.Tensor) -> torch.Tensor:
        return only(text[len(tokens)])(tokens, values)

    params = [
        SamplingParams(max_tokens=4, seed=1, logits_processors=[spell]),
        SamplingParams(max_tokens=4, temperature=0, ignore_eos=True),
    ]
    plain = llm.generate(["a", "b"], params[1], use_tqdm=False)
    first, second = llm.generate(["a", "b"], params, use_tqdm=False)
    assert first.outputs[0].text == "yes."
    assert second.outputs[0].token_ids == plain[1].outputs[0].token_ids
