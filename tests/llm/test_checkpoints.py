"""Folders with files that are damaged, missing or of another model; generation configs."""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from tests.llm.greedy import Reference, continued
from transformers import AutoModelForCausalLM, LlamaForCausalLM

from multibin.llm import LLM, SamplingParams
from multibin.llm._load.generation_config import NEUTRAL, unapplied_fields
from multibin.llm._load.tiny import ByteTokenizer, tiny_model

WEIGHTS = "model.safetensors"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A tiny model as a checkpoint."""
    tiny_model().save_pretrained(tmp_path)
    return tmp_path


def edit(folder: Path, change: Callable[[dict[str, torch.Tensor]], object]) -> None:
    weights = load_file(folder / WEIGHTS)
    change(weights)
    save_file(weights, folder / WEIGHTS, metadata={"format": "pt"})


@pytest.mark.parametrize("kept", [0.0, 0.001, 0.5, 0.99])
def test_a_truncated_checkpoint_is_named(folder: Path, kept: float) -> None:
    whole = (folder / WEIGHTS).read_bytes()
    (folder / WEIGHTS).write_bytes(whole[: int(kept * len(whole))])
    with pytest.raises(ValueError, match=f"model='{folder}' does not load: .*header"):
        LLM(folder)


def test_weights_of_another_shape_are_named(folder: Path) -> None:
    edit(folder, lambda weights: weights.update({"lm_head.weight": torch.zeros(259, 64)}))
    with pytest.raises(
        ValueError,
        match=rf"model='{folder}' .* lm_head.weight has shape \[259, 64\], .*\[259, 128\]",
    ):
        LLM(folder)


def test_missing_weights_are_named(folder: Path) -> None:
    edit(folder, lambda weights: weights.pop("model.layers.1.mlp.up_proj.weight"))
    with pytest.raises(ValueError, match=r"does not load: 1 of its weights .*layers.1.mlp.up_proj"):
        LLM(folder)


def test_of_many_missing_weights_some_are_named(folder: Path) -> None:
    edit(folder, lambda weights: [weights.pop(key) for key in list(weights)[:9]])
    with pytest.raises(ValueError, match=r"9 of its weights are missing: lm_head.weight, .*, …$"):
        LLM(folder)


def test_tied_weights_are_not_missing(tmp_path: Path) -> None:
    config = tiny_model().config
    config.tie_word_embeddings = True
    LlamaForCausalLM(config).save_pretrained(tmp_path)
    assert "lm_head.weight" not in load_file(tmp_path / WEIGHTS)
    LLM(tmp_path)


@pytest.mark.parametrize(
    ("file", "content"),
    [
        ("config.json", "{"),
        ("config.json", "[]"),
        ("config.json", json.dumps({"model_type": "llama", "num_attention_heads": "four"})),
    ],
)
def test_a_damaged_config_is_named(folder: Path, file: str, content: str) -> None:
    (folder / file).write_text(content)
    with pytest.raises(ValueError, match=f"model='{folder}' does not load: "):
        LLM(folder)


@pytest.mark.parametrize("content", [b"", b"abc"])
def test_a_damaged_pickle_is_named(folder: Path, content: bytes) -> None:
    (folder / WEIGHTS).unlink()
    (folder / "pytorch_model.bin").write_bytes(content)
    with pytest.raises(ValueError, match=f"model='{folder}' does not load: "):
        LLM(folder)


def test_a_damaged_tokenizer_is_named(folder: Path) -> None:
    for file in ("tokenizer.json", "tokenizer_config.json"):
        (folder / file).write_text("{}")
    with pytest.raises(ValueError, match=f"tokenizer='{folder}' does not load: "):
        LLM(tiny_model(), folder)


@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError("CUDA out of memory"),
        MemoryError(),
        RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes"),
    ],
)
def test_a_lack_of_memory_is_raised_as_it_comes(
    folder: Path, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def load(*_: Any, **__: Any) -> None:
        raise error

    monkeypatch.setattr(AutoModelForCausalLM, "from_pretrained", load)
    with pytest.raises(type(error)) as caught:
        LLM(folder)
    assert caught.value is error


UNLIKE: dict[str, Any] = {
    "bad_words_ids": [[5]],
    "begin_suppress_tokens": [5],
    "encoder_no_repeat_ngram_size": 2,
    "encoder_repetition_penalty": 1.2,
    "exponential_decay_length_penalty": (5, 1.5),
    "forced_bos_token_id": 5,
    "forced_eos_token_id": 5,
    "guidance_scale": 1.5,
    "max_time": 3.0,
    "min_length": 4,
    "min_new_tokens": 4,
    "no_repeat_ngram_size": 2,
    "num_beams": 4,
    "remove_invalid_values": True,
    "sequence_bias": {(5,): -2.0},
    "stop_strings": ["x"],
    "suppress_tokens": [5],
    "token_healing": True,
    "watermarking_config": {"bias": 2.0},
}


@pytest.mark.parametrize("field", NEUTRAL)
def test_an_unapplied_field_warns(field: str) -> None:
    model = tiny_model()
    setattr(model.generation_config, field, UNLIKE[field])
    with pytest.warns(
        UserWarning, match=rf"generation_config has {field}=.* not applied"
    ) as caught:
        LLM(model)
    assert [warning.filename for warning in caught] == [__file__]


@pytest.mark.parametrize("field", NEUTRAL)
def test_neutral_values_do_not_warn(field: str) -> None:
    model = tiny_model()
    for value in (None, [] if NEUTRAL[field] is None else NEUTRAL[field]):
        setattr(model.generation_config, field, value)
        assert unapplied_fields(model.generation_config) == {}


def test_several_fields_are_one_warning_and_sampling_fields_none(folder: Path) -> None:
    fields = {"no_repeat_ngram_size": 3, "suppress_tokens": [1, 2], "num_beams": 1}
    sampling = {"do_sample": True, "temperature": 0.6, "top_k": 20, "repetition_penalty": 1.3}
    path = folder / "generation_config.json"
    path.write_text(json.dumps({**sampling, **fields, "max_new_tokens": 9, "eos_token_id": 7}))
    with pytest.warns(UserWarning, match="not applied") as caught:
        llm = LLM(folder, ByteTokenizer())
    assert len(caught) == 1
    assert "no_repeat_ngram_size=3, suppress_tokens=[1, 2]," in str(caught[0].message)
    params = SamplingParams(max_tokens=3, temperature=0)
    assert llm.generate("a", params, use_tqdm=False)
    path.write_text(json.dumps(sampling))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        LLM(folder)


def quantised(folder: Path, config: dict[str, Any]) -> None:
    """Writes a quantisation into the config of a checkpoint."""
    path = folder / "config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "quantization_config": config}))


@pytest.mark.parametrize(
    ("config", "method"),
    [
        ({"quant_method": "bitsandbytes", "load_in_4bit": True}, "bitsandbytes"),
        ({"load_in_8bit": True}, "bitsandbytes"),
        ({"quant_method": "gptq", "bits": 4, "group_size": 128}, "gptq"),
        ({"quant_method": "awq", "bits": 4, "group_size": 128}, "awq"),
        ({"quant_method": "torchao", "quant_type": "int8_weight_only"}, "torchao"),
        ({"quant_method": "hqq"}, "hqq"),
    ],
)
def test_a_quantised_checkpoint_without_its_package_is_named(
    config: dict[str, Any], method: str, folder: Path
) -> None:
    quantised(folder, config)
    with pytest.raises(ValueError, match=f"it is quantised by {method}: ") as raised:
        LLM(folder)
    assert "\n" not in str(raised.value)


def test_a_method_that_transformers_does_not_know_is_refused(folder: Path) -> None:
    """Transformers would take the weights as they are, and leave out their scales."""
    quantised(folder, {"quant_method": "guesswork"})
    with pytest.raises(ValueError, match="quantised by 'guesswork', which transformers does not"):
        LLM(folder)


class Quantised(torch.nn.Module):
    """A linear layer of 8-bit numbers, with one scale a row."""

    scales: torch.Tensor
    weight: torch.Tensor

    def __init__(self, linear: torch.nn.Linear) -> None:
        super().__init__()
        scales = linear.weight.detach().abs().amax(1, keepdim=True) / 127
        self.register_buffer("scales", scales)
        self.register_buffer("weight", (linear.weight.detach() / scales).round().to(torch.int8))

    def forward(self, states: torch.Tensor) -> torch.Tensor:
        weight = self.weight.to(states.dtype) * self.scales.to(states.dtype)
        return torch.nn.functional.linear(states, weight)


def test_a_quantised_model_object_runs(reference: Reference) -> None:
    model = tiny_model().double()
    for name, part in list(model.named_modules()):
        if isinstance(part, torch.nn.Linear) and name != "lm_head":
            owner, _, leaf = name.rpartition(".")
            setattr(model.get_submodule(owner), leaf, Quantised(part))
    model.config.quantization_config = {"quant_method": "gptq", "bits": 8}
    prompts = [[5, 6, 7], [9, 8] * 10]
    texts = continued(LLM(model), prompts, [6, 6], ignore_eos=True)
    assert texts == reference(model, prompts, [6, 6])
