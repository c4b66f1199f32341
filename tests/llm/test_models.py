"""Loading, and refusals that name the model before weights are read."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from tests.llm.greedy import Reference, continued
from tests.llm.small import GROUPED
from transformers import (
    BartConfig,
    BertConfig,
    BloomConfig,
    BltConfig,
    DeepseekV3Config,
    DeepseekV4Config,
    DeepseekV32Config,
    FalconConfig,
    LlamaConfig,
    MixtralConfig,
    OpenAIGPTConfig,
    OPTConfig,
    RoFormerConfig,
    RwkvConfig,
    T5Config,
    ViTConfig,
)

from multibin.llm import LLM, SamplingParams
from multibin.llm._engine.masks import AdditiveMask, PaddingMask, mask_form
from multibin.llm._load import architecture as arch
from multibin.llm._load.models import load
from multibin.llm._load.tiny import ByteTokenizer, tiny_model

REFUSED: dict[str, tuple[Callable[[], Any], str]] = {
    "DeepSeek V4": (lambda: DeepseekV4Config(), r"compressed_attention layers \(layer 0"),
    "RWKV": (lambda: RwkvConfig(), "recurrent state"),
    "DeepSeek V3.2": (lambda: DeepseekV32Config(), r"_attention layers \(layer 0\)"),
    "BLT": (lambda: BltConfig(), "Blt has layers of which transformers makes no cache"),
    "T5": (lambda: T5Config(), "encoder-decoder"),
    "ViT": (lambda: ViTConfig(), "no causal language model"),
    "GPT": (lambda: OpenAIGPTConfig(), "no cache"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_config_is_refused_by_its_kind_of_layer(name: str) -> None:
    config, reason = REFUSED[name]
    with pytest.raises(ValueError, match=f"model: .*{reason}"):
        arch.check_config(config())


@pytest.mark.parametrize("name", ["RWKV", "DeepSeek V3.2", "T5", "BLT"])
def test_a_folder_is_refused_before_its_weights_are_read(name: str, tmp_path: Path) -> None:
    """The folder has no weights at all."""
    config, reason = REFUSED[name]
    config().save_pretrained(tmp_path)
    with pytest.raises(ValueError, match=f"model: .*{reason}"):
        LLM(tmp_path)


@pytest.mark.parametrize(
    ("config", "reason"),
    [
        # No config says that positions come from the cache's length, or that it is not causal.
        (
            RoFormerConfig(
                vocab_size=97,
                hidden_size=48,
                embedding_size=48,
                num_hidden_layers=2,
                is_decoder=True,
            ),
            # Older versions do not hide later tokens either.
            "it (does not keep one position and one mask a row|is not causal)",
        ),
        (BertConfig(vocab_size=97, hidden_size=48, num_hidden_layers=2), "it is not causal"),
    ],
)
def test_rows_that_disturb_each_other_are_found_by_running(
    config: Any, reason: str, make_model: Callable[..., Any]
) -> None:
    with pytest.raises(ValueError, match=f"a row differently beside a longer one: {reason}"):
        LLM(make_model(config))


def test_a_decoder_with_its_own_number_of_layers_is_refused_for_its_positions(
    make_model: Callable[..., Any],
) -> None:
    """Its config counts the encoder's layers; what it caches is counted as it runs."""
    sizes = {"encoder_layers": 1, "decoder_layers": 3, "d_model": 32, "encoder_ffn_dim": 32}
    heads = {"encoder_attention_heads": 4, "decoder_attention_heads": 4, "decoder_ffn_dim": 32}
    config = BartConfig(vocab_size=97, is_decoder=True, is_encoder_decoder=False, **sizes, **heads)
    with pytest.raises(ValueError, match=r"Bart.* one position and one mask a row"):
        LLM(make_model(config))


def test_experts_in_float64_name_the_remedy(make_model: Callable[..., Any]) -> None:
    config = MixtralConfig(**GROUPED, num_local_experts=4, sliding_window=None)
    model = make_model(config)
    with pytest.raises(ValueError, match=r'Mixtral.* try model.set_experts_.*"eager"\)'):
        LLM(model)
    model.set_experts_implementation("eager")
    params = SamplingParams(max_tokens=3, temperature=0)
    assert LLM(model).generate([[1, 2]], params, use_tqdm=False)


FAMILIES: dict[str, Callable[[], Any]] = {
    "ALiBi, Bloom": lambda: BloomConfig(vocab_size=97, hidden_size=32, n_layer=2, n_head=4),
    "ALiBi, Falcon": lambda: FalconConfig(
        vocab_size=97, hidden_size=32, num_hidden_layers=2, num_attention_heads=4, alibi=True
    ),
    "multi-query, Falcon": lambda: FalconConfig(
        vocab_size=97,
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=4,
        multi_query=True,
        new_decoder_architecture=False,
        max_position_embeddings=64,
    ),
    "offset positions, OPT": lambda: OPTConfig(
        vocab_size=97,
        hidden_size=32,
        ffn_dim=48,
        num_hidden_layers=2,
        num_attention_heads=4,
        word_embed_proj_dim=32,
        max_position_embeddings=64,
        dropout=0.0,
    ),
    "keys wider than values, DeepSeek V3": lambda: DeepseekV3Config(
        **{**GROUPED, "num_key_value_heads": 4},
        first_k_dense_replace=2,
        q_lora_rank=16,
        kv_lora_rank=16,
        qk_rope_head_dim=8,
        qk_nope_head_dim=8,
        v_head_dim=12,
    ),
}


@pytest.mark.parametrize("name", FAMILIES)
def test_other_families_equal_transformers(
    name: str,
    make_model: Callable[..., Any],
    reference: Reference,
) -> None:
    model = make_model(FAMILIES[name]())
    prompts = [[9, 8, 7], [5] * 20, [1, 2], [50, 60, 70, 80], [3] * 9]
    budgets = [20, 4, 11, 30, 16]
    llm = LLM(model, batch_size=3, edges=[0, 6, 30])
    assert continued(llm, prompts, budgets) == reference(model, prompts, budgets)


@pytest.mark.parametrize("implementation", ["sdpa", "eager"])
def test_both_attention_implementations(
    implementation: str,
    make_model: Callable[..., Any],
    prompts: list[list[int]],
    reference: Reference,
) -> None:
    model = make_model(LlamaConfig(**GROUPED))
    budgets = [9] * 6
    expected = reference(model, prompts[:6], budgets)
    model.set_attn_implementation(implementation)
    assert continued(LLM(model, batch_size=4), prompts[:6], [9] * len(prompts[:6])) == expected


def test_the_mask_form_follows_the_model(make_model: Callable[..., Any], llama: Any) -> None:
    assert isinstance(mask_form(llama, torch.float64), AdditiveMask)
    bloom = make_model(FAMILIES["ALiBi, Bloom"]())
    assert isinstance(mask_form(bloom, torch.float64), PaddingMask)


@pytest.mark.parametrize("location", ["/no/such/folder", "./missing", "a/b/c", "../missing"])
@pytest.mark.parametrize("argument", ["model", "tokenizer"])
def test_a_missing_folder_is_named_and_not_looked_up(argument: str, location: str) -> None:
    given = {"model": tiny_model(), "tokenizer": None, argument: location}
    with pytest.raises(
        ValueError, match=f"{argument} must be an existing folder or a hub id, got '{location}'"
    ):
        LLM(**given)


def test_a_path_object_and_a_path_below_a_folder_are_no_hub_ids(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(ValueError, match=r"model must be .* hub id, got 'missing'"):
        LLM(Path("missing"))
    (tmp_path / "checkpoints").mkdir()
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ValueError, match=r"model must be .* hub id, got 'checkpoints/7b'"):
        LLM("checkpoints/7b")


def test_a_hub_id_that_does_not_load_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(ValueError, match="model='nobody/nothing' does not load: there is no such"):
        LLM("nobody/nothing")


def test_a_folder_without_a_model_is_named(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=f"model='{tmp_path}' does not load"):
        LLM(tmp_path)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"model": 3}, TypeError, "model must be .* got an object of type int"),
        ({"tokenizer": 3}, TypeError, "tokenizer must be an object with encode and decode, got 3"),
        (
            {"tokenizer": ByteTokenizer},
            TypeError,
            "tokenizer must be .* with encode.text. and .* got <cl",
        ),
        ({"dtype": "int64"}, ValueError, "dtype must be .* got 'int64'"),
        ({"dtype": "float63"}, ValueError, "dtype must be .* got 'float63'"),
        ({"dtype": torch.int8}, ValueError, "dtype must be .* got torch.int8"),
        ({"dtype": 32}, TypeError, "dtype must be .* got 32"),
        ({"device": "moon"}, ValueError, "device must be a device of torch, got 'moon': "),
        ({"device": "meta"}, ValueError, "device must be a device that holds values, got 'meta': "),
    ],
)
def test_bad_arguments_are_named(
    arguments: dict[str, Any], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        LLM(**{"model": tiny_model(), **arguments})


@pytest.mark.skipif(torch.cuda.is_available(), reason="needs a machine without CUDA")
def test_cuda_without_cuda_is_named() -> None:
    with pytest.raises(ValueError, match=r"device must be .* got 'cuda': torch finds no CUDA"):
        LLM(tiny_model(), device="cuda")


def test_dtype_is_that_of_the_argument_and_rotary_frequencies_keep_theirs() -> None:
    model = tiny_model()
    frequencies = model.model.rotary_emb.inv_freq.clone()
    LLM(model, dtype="bfloat16")
    assert {parameter.dtype for parameter in model.parameters()} == {torch.bfloat16}
    assert torch.equal(model.model.rotary_emb.inv_freq, frequencies)
    assert LLM(tiny_model(), dtype=torch.float64).model.dtype == torch.float64
    assert LLM(tiny_model(), dtype="auto").model.dtype == torch.float32


def test_a_low_precision_model_runs() -> None:
    llm = LLM(tiny_model(), ByteTokenizer(), dtype="bfloat16", batch_size=2)
    outputs = llm.generate(["a", "bcd", "efghij"], SamplingParams(max_tokens=20), use_tqdm=False)
    assert [len(o.outputs[0].token_ids) for o in outputs if o.outputs[0].finish_reason == "length"]


def test_eos_comes_from_the_model_or_else_from_the_tokenizer(tmp_path: Path) -> None:
    model = tiny_model()
    assert load(model).eos == {257}
    model.generation_config.eos_token_id = [3, 5]
    assert load(model).eos == {3, 5}
    model.generation_config.eos_token_id = None
    assert load(model).eos == {257}
    model.config.eos_token_id = None
    assert load(model).eos == frozenset()
    model.save_pretrained(tmp_path)
    config = json.loads((tmp_path / "config.json").read_text())
    assert config.get("eos_token_id") is None
    llm = LLM(model, ByteTokenizer())
    seen = llm.generate([[1]], SamplingParams(max_tokens=1, seed=0), use_tqdm=False)
    assert seen[0].outputs[0].finish_reason == "length"


def test_tiny_models_are_seeded_and_leave_torchs_generator_alone() -> None:
    state = torch.get_rng_state()
    first, second, other = tiny_model(), tiny_model(), tiny_model(seed=1)
    assert torch.equal(state, torch.get_rng_state())
    assert torch.equal(first.lm_head.weight, second.lm_head.weight)
    assert not torch.equal(first.lm_head.weight, other.lm_head.weight)
    wide = tiny_model(4, context=512)
    assert wide.config.hidden_size == 4 * first.config.hidden_size
    assert wide.config.max_position_embeddings == 512
    with pytest.raises(ValueError, match="width must be at least 1, got 0"):
        tiny_model(0)
