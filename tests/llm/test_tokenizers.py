"""Tokenizers: in the model's folder, from the caller, missing, or unfit."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast

from multibin.llm import LLM, SamplingParams
from multibin.llm._load.tiny import ByteTokenizer, tiny_model


def save_byte_tokenizer(folder: Path) -> None:
    """Saves a transformers tokenizer of single bytes."""
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    vocabulary = {symbol: index for index, symbol in enumerate([*alphabet, "<eos>"])}
    tokenizer = Tokenizer(models.BPE(vocab=vocabulary, merges=[]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    fast = PreTrainedTokenizerFast(tokenizer_object=tokenizer, eos_token="<eos>")
    fast.save_pretrained(folder)


def test_a_folder_with_its_tokenizer(tmp_path: Path) -> None:
    model = tiny_model(seed=4)
    model.save_pretrained(tmp_path)
    save_byte_tokenizer(tmp_path)
    llm = LLM(str(tmp_path), dtype="float64", batch_size=2, device="cpu")
    assert llm.model.dtype == torch.float64
    params = SamplingParams(max_tokens=12, temperature=0)
    outputs = llm.generate(["déjà vu", "hello"], params, use_tqdm=False)
    assert [o.prompt for o in outputs] == ["déjà vu", "hello"]
    assert [len(o.prompt_token_ids) for o in outputs] == [9, 5]
    for output in outputs:
        ids = output.outputs[0].token_ids
        assert llm.tokenizer is not None
        assert output.outputs[0].text == llm.tokenizer.decode(ids, skip_special_tokens=True)
        inputs = torch.tensor([output.prompt_token_ids])
        alone = llm.model.generate(
            inputs, attention_mask=torch.ones_like(inputs), max_new_tokens=12, do_sample=False
        )
        assert ids == alone[0, inputs.shape[1] :].tolist()


def test_a_folder_without_a_tokenizer_takes_ids(tmp_path: Path) -> None:
    tiny_model().save_pretrained(tmp_path)
    llm = LLM(tmp_path)
    params = SamplingParams(max_tokens=2, temperature=0)
    [output] = llm.generate([[1, 2]], params, use_tqdm=False)
    assert output.outputs[0].text == ""
    with pytest.raises(
        ValueError, match=r"prompts\[0\] must be token ids without a tokenizer, got 'hi': "
    ):
        llm.generate("hi", use_tqdm=False)


def test_the_byte_tokenizer() -> None:
    tokenizer = ByteTokenizer()
    assert tokenizer.decode(tokenizer.encode("añ☃")) == "añ☃"
    assert tokenizer.decode([72, 257, 105]) == "H<eos>i"
    assert tokenizer.decode([72, 257, 105, 256], skip_special_tokens=True) == "Hi"
    assert tokenizer.decode([0xC3]) == "\ufffd"
    with pytest.raises(ValueError, match="token_ids must be ids between 0 and 258, got 259"):
        tokenizer.decode([259])


class WithoutSkip:
    """A tokenizer without `skip_special_tokens`, as tiktoken has."""

    def encode(self, text: str) -> list[int]:
        return list(text.encode())

    def decode(self, tokens: list[int], errors: str = "replace") -> str:
        return bytes(tokens).decode(errors=errors)


class WithKeywords(WithoutSkip):
    """A tokenizer whose `decode` takes any keyword."""

    def decode(self, tokens: list[int], errors: str = "replace", **_: Any) -> str:
        return super().decode(tokens, errors)


def test_a_tokenizer_that_cannot_skip_special_tokens_is_refused_at_once() -> None:
    tokenizer: Any = WithoutSkip()
    tolerant: Any = WithKeywords()
    with pytest.raises(TypeError, match=r"tokenizer must be .*skip_special_tokens=True"):
        LLM(tiny_model(), tokenizer)
    LLM(tiny_model(), tolerant)
