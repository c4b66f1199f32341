"""Arguments that `generate` accepts and refuses; nothing runs before all are checked."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from multibin.llm import LLM, SamplingParams
from multibin.llm._load.tiny import ByteTokenizer, tiny_model

ONE = SamplingParams(max_tokens=2, temperature=0)


@pytest.fixture(scope="module")
def llm() -> LLM:
    return LLM(tiny_model(context=32), ByteTokenizer(), batch_size=2)


@pytest.fixture
def silent(llm: LLM, monkeypatch: pytest.MonkeyPatch) -> LLM:
    """An engine whose model must not be called."""

    def forward(*_: Any, **__: Any) -> None:
        pytest.fail("the model ran")

    monkeypatch.setattr(llm.model, "forward", forward)
    return llm


@pytest.mark.parametrize(
    ("prompts", "error", "message"),
    [
        ("", ValueError, r"prompts\[0\] must be non-empty, got ''"),
        (["a", ""], ValueError, r"prompts\[1\] must be non-empty"),
        ([[1], []], ValueError, r"prompts\[1\] must be non-empty, got \[\]"),
        ([[1], [2] * 33], ValueError, r"prompts\[1\] must have at most 32 tokens, .* got 33"),
        (["x" * 40], ValueError, r"prompts\[0\] must have at most 32 tokens, .* context, got 40"),
        ([[1, 259]], ValueError, r"prompts\[0\]\[1\] must be .*vocabulary, .* 0 and 258, got 259"),
        ([[1, 2, -1]], ValueError, r"prompts\[0\]\[2\] must be an id .*, got -1"),
        (
            [[2**80]],
            ValueError,
            r"prompts\[0\]\[0\] must be an id .*, got 1208925819614629174706176",
        ),
        ([[1, 2.5]], TypeError, r"prompts\[0\]\[1\] must be a token id, got 2.5"),
        ([[1, True]], TypeError, r"prompts\[0\]\[1\] must be a token id, got True"),
        ([[1], None], TypeError, r"prompts\[1\] must be text or token ids, got None"),
        ([1, "a"], TypeError, r"prompts\[0\]\[1\] must be a token id, got 'a'"),
        (5, TypeError, "prompts must be text, token ids or a list of them, got 5"),
        ({"text": "a"}, ValueError, r"prompts\[0\] must have 'prompt' or .* got \['text'\]"),
        ({"prompt": "a", "images": []}, ValueError, r"prompts\[0\] must .* got \['images'\]"),
        ([{"prompt": 3}], TypeError, r"prompts\[0\] must be text or token ids, got 3"),
    ],
)
def test_bad_prompts_are_named(
    silent: LLM, prompts: Any, error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        silent.generate(prompts, ONE, use_tqdm=False)


@pytest.mark.parametrize(
    ("lengths", "error", "message"),
    [
        ([1], ValueError, r"lengths must hold one number for each of 2 prompts, got shape \(1,\)"),
        (3, ValueError, r"lengths must hold one number for each of 2 prompts, got shape \(\)"),
        ([[1, 2]], ValueError, r"got shape \(1, 2\)"),
        ([1, -2], ValueError, r"lengths\[1\] must be finite and at least 0, got -2"),
        ([float("nan"), 1], ValueError, r"lengths\[0\] must be finite and at least 0, got nan"),
        ([1, float("inf")], ValueError, r"lengths\[1\] must be finite .* got inf"),
        (["1", "2"], TypeError, r"lengths must be numbers"),
        ([None, 1], TypeError, r"lengths must be numbers"),
        ([True, False], TypeError, r"lengths must be numbers, got \[True, False\], of dtype bool"),
        ([[1], [2, 3]], ValueError, r"lengths must be numbers, got \[\[1\], \[2, 3\]\]: "),
        ([1, [2]], ValueError, r"lengths must be numbers, got \[1, \[2\]\]: "),
    ],
)
def test_bad_lengths_are_named(
    silent: LLM, lengths: Any, error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        silent.generate(["a", "b"], ONE, lengths=lengths, use_tqdm=False)


@pytest.mark.parametrize(
    ("params", "error", "message"),
    [
        ([ONE], ValueError, "sampling_params must have one element for each of 2 prompts, got 1"),
        ([ONE, None], TypeError, r"sampling_params\[1\] must be SamplingParams, got None"),
        (
            {"max_tokens": 3},
            TypeError,
            "sampling_params must be SamplingParams or a list of",
        ),
    ],
)
def test_bad_parameters_are_named(
    silent: LLM, params: Any, error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        silent.generate(["a", "b"], params, use_tqdm=False)


@pytest.mark.parametrize(
    "prompts",
    [
        [5, 6],
        (5, 6),
        [[5, 6]],
        np.array([5, 6]),
        np.array([[5, 6]], dtype=np.uint8),
        torch.tensor([5, 6]),
        [torch.tensor([5, 6])],
        [np.array([5, 6])],
        [np.int64(5), np.int32(6)],
        {"prompt_token_ids": [5, 6]},
        [{"prompt_token_ids": np.array([5, 6])}],
    ],
)
def test_one_prompt_in_many_forms(llm: LLM, prompts: Any) -> None:
    [output] = llm.generate(prompts, ONE, use_tqdm=False)
    assert output.prompt_token_ids == [5, 6]
    assert all(type(token) is int for token in output.prompt_token_ids)


def test_no_prompts_are_no_outputs(llm: LLM) -> None:
    assert llm.generate([], ONE, use_tqdm=False) == []
    assert llm.generate([], [], lengths=[], use_tqdm=False) == []


def test_no_prompts_are_no_records(llm: LLM) -> None:
    llm.generate("a", ONE, use_tqdm=False)
    assert llm.records
    llm.generate([], ONE, use_tqdm=False)
    assert llm.records == []


def test_defaults(llm: LLM) -> None:
    [output] = llm.generate("abc", use_tqdm=False)
    assert 1 <= len(output.outputs[0].token_ids) <= 16


def test_fractional_and_too_large_lengths_are_predictions(llm: LLM) -> None:
    """They are rounded up, and clipped to what the request can generate."""
    llm.generate(["a", "b"], ONE, lengths=[0.5, 1e300], use_tqdm=False)
    assert sum(record.useful_tokens for record in llm.records) == 4


def test_the_progress_bar_is_optional(llm: LLM, capsys: pytest.CaptureFixture[str]) -> None:
    llm.generate(["a", "b"], ONE, use_tqdm=False)
    assert capsys.readouterr().err == ""
    llm.generate(["a", "b"], ONE)
    assert "2/2" in capsys.readouterr().err


@pytest.mark.parametrize(
    "lengths",
    [
        torch.tensor([1.0, 2.0], dtype=torch.bfloat16),
        torch.tensor([1.0, 2.0], requires_grad=True),
        [torch.tensor(1.0, dtype=torch.bfloat16), torch.tensor(2.0, requires_grad=True)],
        (1, np.float16(2)),
        range(1, 3),
    ],
)
def test_lengths_in_many_forms(llm: LLM, lengths: Any) -> None:
    assert len(llm.generate(["a", "b"], ONE, lengths=lengths, use_tqdm=False)) == 2


class Encodes(ByteTokenizer):
    """A tokenizer whose `encode` returns `result` for the text "odd"."""

    def __init__(self, result: Any) -> None:
        self.result = result

    def encode(self, text: str) -> Any:
        return self.result if text == "odd" else super().encode(text)


@pytest.mark.parametrize(
    ("result", "message"),
    [
        (None, r"prompts\[1\] must be encoded to a list of token ids, got None"),
        ({"input_ids": [1]}, r"prompts\[1\] must be encoded .*, got \{'input_ids': \[1\]\}"),
        ([[1, 2]], r"prompts\[1\]\[0\] must be a token id, got \[1, 2\]"),
        (["a"], r"prompts\[1\]\[0\] must be a token id, got 'a'"),
    ],
)
def test_a_tokenizer_that_returns_no_ids_is_named(result: Any, message: str) -> None:
    llm = LLM(tiny_model(), Encodes(result))
    with pytest.raises(TypeError, match=message):
        llm.generate(["a", "odd"], ONE, use_tqdm=False)


@pytest.mark.parametrize("result", [(5, 6), np.array([5, 6]), torch.tensor([5, 6])])
def test_a_tokenizer_may_return_arrays(result: Any) -> None:
    llm = LLM(tiny_model(), Encodes(result))
    assert llm.generate("odd", ONE, use_tqdm=False)[0].prompt_token_ids == [5, 6]


def test_text_that_does_not_encode_is_named(silent: LLM) -> None:
    """Half of a surrogate pair."""
    with pytest.raises(
        ValueError, match=r"prompts\[1\] must be text .*, got '\\ud800': .*surrogates"
    ):
        silent.generate(["a", "\ud800"], ONE, use_tqdm=False)
