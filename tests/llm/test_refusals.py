"""A model that cannot run is a ValueError: it names the model, the layer if any, and why."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from tests.llm.greedy import Reference, continued
from tests.llm.small import SMALL
from transformers import (
    AutoModelForCausalLM,
    BertConfig,
    BertForMaskedLM,
    LlamaConfig,
    LlamaForCausalLM,
    LlamaForSequenceClassification,
    LlamaForTokenClassification,
    LlamaModel,
    MiniMaxConfig,
    MusicgenDecoderConfig,
    MusicgenForCausalLM,
    PreTrainedModel,
    RobertaConfig,
    T5Config,
    T5ForConditionalGeneration,
    ViTConfig,
    ViTModel,
    XLMRobertaXLConfig,
)
from transformers.modeling_outputs import CausalLMOutputWithPast

from multibin.llm import LLM, SamplingParams
from multibin.llm._load import hf
from multibin.llm._load.eos import eos_ids
from multibin.llm._load.tiny import tiny_model

LLAMA = LlamaConfig(**SMALL)
CACHE = str(hf.cache_argument(LlamaForCausalLM.forward))


class Broken(LlamaForCausalLM):  # type: ignore[misc]
    """Its forward pass fails with a message."""

    def forward(self, input_ids: Any, cache: Any = None, **kwargs: Any) -> Any:  # noqa: ARG002
        raise KeyError("attention sinks")


class Silent(LlamaForCausalLM):  # type: ignore[misc]
    """Its forward pass fails without a message."""

    def forward(self, input_ids: Any, cache: Any = None, **kwargs: Any) -> Any:  # noqa: ARG002
        raise AssertionError


class LastOnly(LlamaForCausalLM):  # type: ignore[misc]
    """It projects its last position alone, as some code in checkpoints does."""

    def forward(self, input_ids: Any, cache: Any = None, **kwargs: Any) -> Any:
        kwargs.setdefault(CACHE, cache)
        states = self.model(input_ids=input_ids, **kwargs)[0]
        return CausalLMOutputWithPast(logits=self.lm_head(states[:, -1:]))


class Stateful(LlamaForCausalLM):  # type: ignore[misc]
    """It caches nothing, but takes a cache."""

    def forward(self, input_ids: Any, cache: Any = None, **kwargs: Any) -> Any:  # noqa: ARG002
        return super().forward(input_ids=input_ids, use_cache=False)


def musicgen() -> PreTrainedModel:
    sizes = {"hidden_size": 32, "ffn_dim": 48, "num_hidden_layers": 1, "num_attention_heads": 4}
    return MusicgenForCausalLM(MusicgenDecoderConfig(vocab_size=97, num_codebooks=2, **sizes))


def minimax() -> PreTrainedModel:
    config = MiniMaxConfig(
        **SMALL, num_key_value_heads=4, num_local_experts=2, layer_types=["full_attention"] * 2
    )
    return AutoModelForCausalLM.from_config(config)


REFUSED: dict[str, tuple[Callable[[], Any], str]] = {
    "headless": (lambda: LlamaModel(LLAMA), "LlamaModel generates no text: .*head"),
    "a classifier": (lambda: LlamaForSequenceClassification(LLAMA), "LlamaForSequenceCl.*head"),
    "a tagger": (lambda: LlamaForTokenClassification(LLAMA), "LlamaForTokenClass.* generates no"),
    "masked": (lambda: BertForMaskedLM(BertConfig(**SMALL)), "BertForMaskedLM generates no text"),
    "images": (lambda: ViTModel(ViTConfig(hidden_size=24, num_hidden_layers=1)), "ViTModel gener"),
    "an encoder-decoder": (
        lambda: T5ForConditionalGeneration(T5Config(vocab_size=97, d_model=32, num_layers=1)),
        "T5 is an encoder-decoder",
    ),
    "audio": (musicgen, "MusicgenForCausalLM has no single table of token embeddings"),
    "a cache of its own": (minimax, "MiniMaxForCausalLM does not run: MiniMax uses cache of its"),
    "fails": (lambda: Broken(LLAMA), "Broken does not run: 'attention sinks'"),
    "fails without a message": (
        lambda: Silent(LLAMA),
        r"Silent does not run: AssertionError in Silent\.forward",
    ),
    "its last position": (lambda: LastOnly(LLAMA), "LastOnly .* logits of the last position alone"),
    "no weights": (lambda: LlamaForCausalLM(LLAMA).to("meta"), "LlamaForCausalLM has no weights"),
    "caches nothing": (lambda: Stateful(LLAMA), "Stateful caches no keys and values in layer 0"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_model_that_cannot_run_is_named(name: str) -> None:
    make, reason = REFUSED[name]
    with pytest.raises(ValueError, match=f"model: {reason}"):
        LLM(make().eval())


ROBERTAS = [RobertaConfig, XLMRobertaXLConfig]


@pytest.mark.parametrize("config_class", ROBERTAS)
def test_positions_go_in_with_the_prompt_as_in_generate(
    config_class: type[Any],
    make_model: Callable[..., Any],
    reference: Reference,
) -> None:
    """RoBERTa's family counts from its padding id if it gets no positions."""
    config = config_class(**SMALL, is_decoder=True)
    model = make_model(config)
    model.config.pad_token_id = 1
    prompts = [[5, 6, 7], [9, 8] * 10, [30, 11], [50] * 7]
    llm = LLM(model, batch_size=3)
    assert continued(llm, prompts, [9] * 4) == reference(model, prompts, [9] * 4)


class Owner:
    def __init__(self, ids: object) -> None:
        self.eos_token_id = ids


@pytest.mark.parametrize(
    ("form", "ids"),
    [
        (257, {257}),
        ([3, 5], {3, 5}),
        ((3,), {3}),
        ({3, 5}, {3, 5}),
        (range(3, 5), {3, 4}),
        (torch.tensor(257), {257}),
        (torch.tensor([3, 5]), {3, 5}),
        ([torch.tensor(3), 5], {3, 5}),
        (np.int64(7), {7}),
        (np.array([7, 8]), {7, 8}),
        ([[3], [5]], {3, 5}),
        ([3, None], {3}),
        (None, {99}),
        ([], {99}),
        (-1, {99}),
        (torch.tensor([]), {99}),
        ("</s>", {99}),
        (True, {99}),
    ],
)
def test_ids_that_end_a_text_in_every_form(form: object, ids: set[int]) -> None:
    """The ids of the next owner count only if the first has none."""
    assert eos_ids(Owner(form), Owner(99)) == ids


def test_a_generation_config_with_a_tensor_ends_texts() -> None:
    model = tiny_model()
    free = SamplingParams(max_tokens=12, temperature=0, ignore_eos=True)
    [output] = LLM(model).generate([[1, 2, 3]], free, use_tqdm=False)
    tokens = output.outputs[0].token_ids
    model.generation_config.eos_token_id = torch.tensor(tokens[5])
    [output] = LLM(model).generate([[1, 2, 3]], SamplingParams(max_tokens=12, temperature=0))
    assert output.outputs[0].token_ids == tokens[: tokens.index(tokens[5]) + 1]
    assert output.outputs[0].finish_reason == "stop"
