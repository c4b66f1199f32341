"""A model in one GGUF file: config, tokenizer and weights."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tests.llm.greedy import continued
from tokenizers import pre_tokenizers

from multibin.llm import LLM, SamplingParams
from multibin.llm._load.load_by_name import load_by_name
from multibin.llm._load.tiny import tiny_model

gguf = pytest.importorskip("gguf", reason="GGUF files need the package gguf")
pytest.importorskip("accelerate", reason="transformers loads GGUF files with accelerate")

# Of transformers and gguf themselves.
pytestmark = pytest.mark.filterwarnings("default:::transformers", "default:::gguf")

FILE = "tiny.gguf"
PROMPTS = [[5, 6, 7], [9, 8] * 10, [3]]
BUDGETS = [9, 12, 20]
PARTS = {
    "self_attn.q_proj": "attn_q",
    "self_attn.k_proj": "attn_k",
    "self_attn.v_proj": "attn_v",
    "self_attn.o_proj": "attn_output",
    "mlp.gate_proj": "ffn_gate",
    "mlp.up_proj": "ffn_up",
    "mlp.down_proj": "ffn_down",
    "input_layernorm": "attn_norm",
    "post_attention_layernorm": "ffn_norm",
}


@pytest.fixture(scope="module")
def model() -> Any:
    return tiny_model(seed=3, context=64)


@pytest.fixture
def folder(model: Any, tmp_path: Path) -> Path:
    """A folder with `FILE` alone: a tiny Llama and a tokenizer of bytes."""
    write(model, tmp_path / FILE)
    return tmp_path


def write(model: Any, file: Path, left_out: str = "") -> None:
    writer = gguf.GGUFWriter(file, "llama")
    add_config(writer, model.config)
    add_tokenizer(writer)
    for name, weight in tensors(model):
        if name != left_out:
            writer.add_tensor(name, weight)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def add_config(writer: Any, config: Any) -> None:
    writer.add_context_length(config.max_position_embeddings)
    writer.add_embedding_length(config.hidden_size)
    writer.add_block_count(config.num_hidden_layers)
    writer.add_feed_forward_length(config.intermediate_size)
    writer.add_head_count(config.num_attention_heads)
    writer.add_head_count_kv(config.num_key_value_heads)
    writer.add_layer_norm_rms_eps(config.rms_norm_eps)
    writer.add_rope_dimension_count(config.hidden_size // config.num_attention_heads)
    writer.add_rope_freq_base(config.rope_parameters["rope_theta"])
    writer.add_vocab_size(config.vocab_size)


def add_tokenizer(writer: Any) -> None:
    """Adds bytes as tokens, all but one, two special ones, and two that are merged of two bytes."""
    tokens = [*sorted(pre_tokenizers.ByteLevel.alphabet())[:-1], "ac", "<bos>", "<eos>", "ab"]
    kind = gguf.TokenType
    writer.add_tokenizer_model("gpt2")
    writer.add_token_list(tokens)
    writer.add_token_types([*[kind.NORMAL] * 256, kind.CONTROL, kind.CONTROL, kind.NORMAL])
    # Two: older readers take one for no list.
    writer.add_token_merges(["a b", "a c"])
    writer.add_bos_token_id(256)
    writer.add_eos_token_id(257)


def tensors(model: Any) -> Iterator[tuple[str, np.ndarray[Any, Any]]]:
    """Yields the weights by the names of GGUF."""
    weights = {name: weight.numpy() for name, weight in model.state_dict().items()}
    yield "token_embd.weight", weights["model.embed_tokens.weight"]
    yield "output_norm.weight", weights["model.norm.weight"]
    yield "output.weight", weights["lm_head.weight"]
    heads = {
        "attn_q": model.config.num_attention_heads,
        "attn_k": model.config.num_key_value_heads,
    }
    for layer in range(model.config.num_hidden_layers):
        for part, name in PARTS.items():
            weight = weights[f"model.layers.{layer}.{part}.weight"]
            if name in heads:
                weight = interleaved(weight, heads[name])
            yield f"blk.{layer}.{name}.weight", weight


def interleaved(weight: np.ndarray[Any, Any], heads: int) -> np.ndarray[Any, Any]:
    """Returns queries or keys in the order of GGUF, whose rotary pairs lie side by side."""
    halves = weight.reshape(heads, 2, -1, weight.shape[1])
    return np.ascontiguousarray(halves.swapaxes(1, 2).reshape(weight.shape))


def test_it_generates_what_the_model_in_it_does(model: Any, folder: Path) -> None:
    llm = LLM(folder, gguf_file=FILE, batch_size=2, device="cpu")
    assert (llm.model.dtype, llm.context) == (torch.float32, 64)
    expected = continued(LLM(model, batch_size=2), PROMPTS, BUDGETS, ignore_eos=True)
    assert continued(llm, PROMPTS, BUDGETS, ignore_eos=True) == expected


def test_its_tokenizer_reads_and_writes_text(folder: Path) -> None:
    llm = LLM(str(folder), gguf_file=FILE, dtype="float64", device="cpu")
    assert llm.model.dtype == torch.float64
    params = SamplingParams(max_tokens=5, temperature=0)
    [output] = llm.generate("abà", params, use_tqdm=False)
    assert llm.tokenizer is not None
    assert llm.tokenizer.decode(output.prompt_token_ids, skip_special_tokens=True) == "abà"
    assert [len(output.prompt_token_ids), output.prompt_token_ids[-3]] == [3, 258]


def test_a_file_of_that_name_elsewhere_is_not_taken(
    folder: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    (elsewhere / FILE).write_bytes(b"not a model")
    monkeypatch.chdir(elsewhere)
    model, title = load_by_name(str(folder), gguf_file=FILE, device="cpu")
    assert (model.context, title) == (64, f"{folder}, {FILE}")


def test_a_missing_weight_is_named(model: Any, folder: Path) -> None:
    write(model, folder / FILE, left_out="blk.1.ffn_up.weight")
    with pytest.raises(ValueError, match=r"1 of its weights .*layers.1.mlp.up_proj"):
        LLM(folder, gguf_file=FILE)


def test_a_damaged_file_does_not_load(folder: Path) -> None:
    (folder / FILE).write_bytes(b"not a model")
    with pytest.raises(ValueError, match=f"model='{folder}' does not load: gguf_file='{FILE}': "):
        LLM(folder, gguf_file=FILE)


def test_a_missing_file_is_named(folder: Path) -> None:
    with pytest.raises(ValueError, match=r"^gguf_file must be a file in .*, got 'x.gguf'"):
        LLM(folder, gguf_file="x.gguf")


def test_a_model_object_has_no_file(model: Any) -> None:
    with pytest.raises(ValueError, match=r"^gguf_file must be None for a model object, got 'tiny"):
        LLM(model, gguf_file=FILE)
    with pytest.raises(TypeError, match=r"^gguf_file must be the name of a file, got 3$"):
        LLM(model, gguf_file=3)  # type: ignore[arg-type]
