"""The context of a model: windows, chunks, LongRoPE, ALiBi. Text is exact to its end."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import pytest
import torch
from tests.llm.greedy import Reference, continued
from tests.llm.small import GROUPED
from transformers import (
    BloomConfig,
    Cohere2Config,
    DogeConfig,
    FalconConfig,
    Gemma2Config,
    Gemma3TextConfig,
    GPTNeoConfig,
    Llama4TextConfig,
    LlamaConfig,
    MistralConfig,
    MptConfig,
    Olmo3Config,
    Phi3Config,
    Qwen2Config,
    WhisperConfig,
)

from multibin.llm import LLM
from multibin.llm._load import hf
from multibin.llm._load.architecture import UNBOUNDED, context_of

SMALL = GROUPED | {"pad_token_id": None}
WINDOW = 24

WINDOWS: dict[str, tuple[Callable[[int], Any], str]] = {
    "Mistral": (lambda w: MistralConfig(**SMALL, sliding_window=w), "layer 0 is sliding_attention"),
    "Phi 3": (lambda w: Phi3Config(**SMALL, sliding_window=w), "layer 0 is sliding_attention"),
    "Cohere 2": (lambda w: Cohere2Config(**SMALL, sliding_window=w), "sliding_attention"),
    "Gemma 2": (lambda w: Gemma2Config(**SMALL, sliding_window=w), "sliding_attention"),
    "Gemma 3": (
        lambda w: Gemma3TextConfig(**SMALL, sliding_window=w, head_dim=8),
        "sliding_attention",
    ),
    "Qwen 2, from layer 1 on": (
        lambda w: Qwen2Config(
            **SMALL, use_sliding_window=True, sliding_window=w, max_window_layers=1
        ),
        "layer 1 is sliding_attention",
    ),
    "Llama 4, in chunks": (
        lambda w: Llama4TextConfig(
            **SMALL,
            attention_chunk_size=w,
            head_dim=8,
            intermediate_size_mlp=48,
            moe_layers=[],
        ),
        "layer 0 is chunked_attention",
    ),
    "GPT-Neo, local layers": (
        lambda w: GPTNeoConfig(
            vocab_size=97,
            hidden_size=32,
            num_layers=2,
            attention_types=[[["global", "local"], 1]],
            num_heads=4,
            max_position_embeddings=64,
            window_size=w,
        ),
        "layer 1 is local_attention",
    ),
    "Doge, its best positions": (
        lambda w: DogeConfig(**SMALL, keep_window_size=w, sliding_window=None),
        "layer 0 is full_attention",
    ),
}


def causal(model: Any) -> bool:
    """Returns whether a second token leaves the first token's logits unchanged."""
    one, two = (model(input_ids=torch.tensor([ids]))[0][0, 0] for ids in ([3], [3, 4]))
    return torch.allclose(one, two)


ENDING = ("GPT-Neo, local layers", "Doge, its best positions")
"""Those whose layers do not call the engine's attention."""


@pytest.mark.parametrize("name", [name for name in WINDOWS if name not in ENDING])
def test_a_window_leaves_the_context_whole_and_is_exact_to_its_end(
    name: str, make_model: Callable[..., Any], reference: Reference
) -> None:
    model = make_model(WINDOWS[name][0](WINDOW))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        llm = LLM(model, batch_size=3, edges=[0, 5, 30])
    assert llm.context == 64
    prompts = [[9, 8, 7], [5, 6] * 12, [1, 2], [50, 60, 70, 80] * 10, [11] * 64]
    budgets = [64 - len(prompt) + 1 for prompt in prompts]
    assert continued(llm, prompts, [99] * len(prompts)) == reference(model, prompts, budgets)


@pytest.mark.parametrize("name", [name for name in WINDOWS if name not in ENDING])
def test_a_window_ends_the_context_of_attention_with_a_mask(
    name: str, make_model: Callable[..., Any], reference: Reference, monkeypatch: Any
) -> None:
    """Another implementation than those that the engine replaces may be chosen."""
    monkeypatch.setattr(hf, "takes_attention", lambda _: False)
    model = make_model(WINDOWS[name][0](WINDOW))
    with pytest.warns(UserWarning, match=f"the context is {WINDOW} tokens, not 64"):
        llm = LLM(model, batch_size=3, edges=[0, 5, 30])
    prompts = [[9, 8, 7], [5, 6] * 12, [1, 2]]
    budgets = [WINDOW - len(prompt) + 1 for prompt in prompts]
    assert continued(llm, prompts, [60] * len(prompts)) == reference(model, prompts, budgets)


@pytest.mark.parametrize("name", ENDING)
def test_a_window_ends_the_context_and_is_exact_up_to_there(
    name: str, make_model: Callable[..., Any], reference: Reference
) -> None:
    make, reason = WINDOWS[name]
    model = make_model(make(WINDOW))
    if name.startswith("Doge") and not causal(model):
        pytest.skip("this transformers computes the prompts of Doge without a causal mask")
    with pytest.warns(
        UserWarning, match=f"the context is {WINDOW} tokens, not 64: .*{reason}"
    ) as said:
        llm = LLM(model, batch_size=3, edges=[0, 5, 30])
    assert len([one for one in said if "the context is" in str(one.message)]) == 1
    assert llm.context == WINDOW
    prompts = [[9, 8, 7], [5, 6] * 12, [1, 2], [50, 60, 70, 80] * 4]
    # The last token of a text is never fed: a prompt that fills the window still gets one.
    budgets = [WINDOW - len(prompt) + 1 for prompt in prompts]
    assert continued(llm, prompts, [60] * len(prompts)) == reference(model, prompts, budgets)
    with pytest.raises(
        ValueError, match=rf"prompts\[0\] must have at most {WINDOW} .* context, got 25"
    ):
        llm.generate([[1] * (WINDOW + 1)], use_tqdm=False)


@pytest.mark.parametrize("name", WINDOWS)
@pytest.mark.parametrize("window", [64, 262_144])
def test_a_window_as_wide_as_the_context_hides_nothing_and_says_nothing(
    name: str, window: int
) -> None:
    assert context_of(WINDOWS[name][0](window)) == (64, "")


def test_a_wide_window_is_exact_to_the_end_of_the_context(
    make_model: Callable[..., Any], reference: Reference
) -> None:
    model = make_model(Phi3Config(**SMALL, sliding_window=128))
    prompts = [[9, 8, 7], [5, 6] * 20, [1, 2]]
    budgets = [62, 25, 40]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        llm = LLM(model, batch_size=3, edges=[0, 8, 60])
    assert continued(llm, prompts, budgets) == reference(model, prompts, budgets)


LONGROPE = {
    "rope_type": "longrope",
    "rope_theta": 10000.0,
    "short_factor": [1.0] * 4,
    "long_factor": [3.0] * 4,
    "original_max_position_embeddings": 32,
}
DEFAULT = {"rope_type": "default", "rope_theta": 10000.0}


def nested(full: Any, sliding: Any, layer_types: list[str]) -> Olmo3Config:
    return Olmo3Config(
        **SMALL,
        layer_types=layer_types,
        sliding_window=512,
        rope_parameters={"full_attention": full, "sliding_attention": sliding},
    )


def test_longrope_ends_the_context_where_it_would_change_other_rows() -> None:
    flat = {**LONGROPE, "original_max_position_embeddings": 40}
    config = Phi3Config(**SMALL, original_max_position_embeddings=40, rope_parameters=flat)
    assert context_of(config).length == 40
    assert "LongRoPE" in context_of(config).shortened
    full = ["full_attention"] * 2
    assert context_of(nested(LONGROPE, DEFAULT, full)).length == 32
    mixed = ["full_attention", "sliding_attention"]
    assert context_of(nested(DEFAULT, LONGROPE, mixed)).length == 32
    # No layer is of the kind that has it.
    assert context_of(nested(DEFAULT, LONGROPE, full)) == (64, "")


def test_longrope_by_kind_of_layer_is_exact(
    make_model: Callable[..., Any], reference: Reference
) -> None:
    model = make_model(nested(LONGROPE, DEFAULT, ["full_attention"] * 2))
    with pytest.warns(UserWarning, match="32 tokens, not 64: LongRoPE changes all rows beyond 32"):
        llm = LLM(model, batch_size=4)
    prompts = [[5, 6, 7], [9, 8] * 16, [3, 1], [50, 60, 70, 4, 8]]
    budgets = [30, 1, 31, 28]
    assert continued(llm, prompts, [64] * len(prompts)) == reference(model, prompts, budgets)


ALIBI: dict[str, Any] = {
    "Bloom, whose checkpoints name a length": BloomConfig(
        vocab_size=97, hidden_size=32, n_layer=2, n_head=4, seq_length=16
    ),
    "Falcon": FalconConfig(
        vocab_size=97,
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=4,
        alibi=True,
        max_position_embeddings=16,
    ),
    "Falcon, shorter than the trial's rows": FalconConfig(
        vocab_size=97,
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=4,
        alibi=True,
        max_position_embeddings=2,
    ),
}


@pytest.mark.parametrize("name", ALIBI)
def test_alibi_has_no_end(name: str, make_model: Callable[..., Any], reference: Reference) -> None:
    model = make_model(ALIBI[name])
    llm = LLM(model, batch_size=3, edges=[0, 8, 60])
    assert llm.context == UNBOUNDED
    prompts = [[9, 8, 7], [5, 6] * 30, [1, 2]]
    budgets = [40, 12, 30]
    assert continued(llm, prompts, budgets) == reference(model, prompts, budgets)


def test_alibi_of_mpt_ends_with_its_table(
    make_model: Callable[..., Any], reference: Reference
) -> None:
    """Transformers computes MPT's biases for `max_seq_len` positions and fails beyond."""
    model = make_model(MptConfig(vocab_size=97, d_model=32, n_layers=2, n_heads=4, max_seq_len=24))
    llm = LLM(model, batch_size=3)
    assert llm.context == 24
    prompts = [[1, 2], [3] * 20]
    assert continued(llm, prompts, [99, 99]) == reference(model, prompts, [23, 5])


def test_a_context_is_the_number_of_positions() -> None:
    assert context_of(LlamaConfig(**SMALL)) == (64, "")


@pytest.mark.parametrize("context", [1, 2, 3, 5])
def test_a_tiny_context_is_tried_out_too(
    context: int, make_model: Callable[..., Any], reference: Reference
) -> None:
    model = make_model(LlamaConfig(**{**SMALL, "max_position_embeddings": context}))
    llm = LLM(model, batch_size=2)
    prompts = [[4], [9]]
    assert continued(llm, prompts, [9, 9]) == reference(model, prompts, [context, context])


def gpt_neo(positions: int, window: int) -> GPTNeoConfig:
    return GPTNeoConfig(
        vocab_size=97,
        hidden_size=32,
        num_layers=2,
        attention_types=[[["global", "local"], 1]],
        num_heads=4,
        max_position_embeddings=positions,
        window_size=window,
    )


ODD: dict[str, Any] = {
    "Llama": LlamaConfig(**GROUPED | {"max_position_embeddings": 61}),
    "MPT, a table of biases": MptConfig(
        vocab_size=97, d_model=32, n_layers=2, n_heads=4, max_seq_len=61
    ),
    "GPT-Neo, a table of masks": gpt_neo(59, 64),
    "GPT-Neo, a window counted from the last key": gpt_neo(64, 12),
    "GPT-Neo, shorter than the trial's rows": gpt_neo(64, 4),
    "Mistral": MistralConfig(**SMALL | {"max_position_embeddings": 61}, sliding_window=13),
}


@pytest.mark.parametrize("name", ODD)
@pytest.mark.filterwarnings("ignore:.*the context is")
def test_a_context_that_is_no_multiple_of_8_is_exact_to_its_end(
    name: str, make_model: Callable[..., Any], reference: Reference
) -> None:
    """The cache is read in multiples of 8, but never beyond the context."""
    model = make_model(ODD[name])
    llm = LLM(model, batch_size=5, edges=[0, 6, 30])
    lengths = [min(n, llm.context) for n in (1, 2, 3, llm.context - 2, llm.context)]
    prompts = [[7 + 11 * i % 90 for i in range(n)] for n in lengths]
    budgets = [llm.context - n + 1 for n in lengths]
    assert continued(llm, prompts, [99] * len(prompts)) == reference(model, prompts, budgets)


def test_positions_of_a_speech_decoder_are_counted() -> None:
    config = WhisperConfig(vocab_size=97, max_target_positions=48, is_encoder_decoder=False)
    assert context_of(config).length == 48


@pytest.mark.parametrize(
    "config", [gpt_neo(-4, 8), MistralConfig(**SMALL, sliding_window=0)], ids=["GPTNeo", "Mistral"]
)
def test_a_context_of_no_tokens_is_refused(config: Any) -> None:
    with pytest.raises(ValueError, match=r"model: (GPTNeo|Mistral) has a context of (-4|0) tokens"):
        context_of(config)
