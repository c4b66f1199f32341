"""A model that does not fit its format is refused, with what was looked for and found."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from tests.reward.load.tiny import ENCODERS, ProcessModel, ValueModel, build, config
from torch import nn
from transformers import (
    AutoModel,
    AutoModelForCausalLM,
    AutoModelForSequenceClassification,
    AutoModelForTokenClassification,
    BartConfig,
    LlamaConfig,
    LlamaForSequenceClassification,
    Qwen2Config,
)

from multibin.reward._load import load_reward


@pytest.fixture(params=["object", "folder"])
def given(request: pytest.FixtureRequest, tmp_path: Path) -> Any:
    """Returns a model as it is, or the folder to which it is saved."""

    def place(model: Any) -> Any:
        if request.param == "object":
            return model
        (model.save if hasattr(model, "save") else model.save_pretrained)(tmp_path)
        return tmp_path

    return place


@pytest.mark.parametrize(
    ("format", "message"),
    [
        (
            "trl",
            "must have a head of tokens named 'score' or 'classifier' for the format 'trl', got",
        ),
        ("outcome", "must have a head of sequence named 'score' or 'classifier'"),
        ("skywork", "must have a head of value named 'v_head' or 'value_head'"),
    ],
)
@pytest.mark.parametrize("auto", [AutoModelForCausalLM, AutoModel])
def test_a_model_without_the_head(given: Any, auto: Any, format: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        load_reward(given(build(auto, LlamaConfig)), format)


def test_a_classifier_where_a_language_model_is_needed() -> None:
    model = build(AutoModelForSequenceClassification, LlamaConfig, num_labels=1)
    with pytest.raises(ValueError, match="it has no language-model head"):
        load_reward(model, "versaprm")


def test_a_folder_of_a_classifier_where_a_language_model_is_needed(tmp_path: Path) -> None:
    build(AutoModelForSequenceClassification, LlamaConfig, num_labels=1).save_pretrained(tmp_path)
    with pytest.raises(ValueError, match=r"weights are missing: lm_head.weight"):
        load_reward(tmp_path, "versaprm")


@pytest.mark.parametrize("labels", [1, 3])
def test_another_number_of_columns(given: Any, labels: int) -> None:
    message = rf"must have a head of 2 columns .* for the format '.*', got {labels}$"
    with pytest.raises(ValueError, match=message):
        load_reward(
            given(build(AutoModelForTokenClassification, Qwen2Config, num_labels=labels)), "trl"
        )


def test_another_number_of_columns_of_layers_and_encoders(given: Any) -> None:
    with pytest.raises(ValueError, match=r"must have a head of 2 columns \(-, \+\).*, got 5$"):
        load_reward(given(ProcessModel(build(AutoModel, Qwen2Config), 5)), "qwen-prm")


@pytest.mark.parametrize("encoder", ENCODERS)
def test_encoders(given: Any, encoder: Any) -> None:
    model = given(build(AutoModelForSequenceClassification, encoder, num_labels=2))
    with pytest.raises(ValueError, match=r"must have a head of 1 columns \(score\).*, got 2$"):
        load_reward(model, "outcome")


def test_a_classifier_of_sequences_where_tokens_are_labelled() -> None:
    model = build(AutoModelForSequenceClassification, ENCODERS[0], num_labels=2)
    with pytest.raises(ValueError, match=r"must be a classifier of tokens .*, got logits of shape"):
        load_reward(model, "trl")


def test_missing_weights(tmp_path: Path) -> None:
    ProcessModel(build(AutoModel, Qwen2Config)).save(tmp_path)
    file = tmp_path / "model.safetensors"
    weights = load_file(file)
    left = {name: weight for name, weight in weights.items() if "layers.1.mlp.up" not in name}
    save_file(left, file, metadata={"format": "pt"})
    with pytest.raises(ValueError, match=r"1 of its weights are missing: .*layers.1.mlp.up_proj"):
        load_reward(tmp_path, "qwen-prm")
    save_file(
        {name: weight for name, weight in weights.items() if name != "score.0.weight"},
        file,
        metadata={"format": "pt"},
    )
    with pytest.raises(ValueError, match=r"layer 0 of its head must be linear, got 0.bias, 2"):
        load_reward(tmp_path, "qwen-prm")
    save_file({"score.gate.weight": weights["score.0.weight"]}, file, metadata={"format": "pt"})
    with pytest.raises(ValueError, match="does not load"):
        load_reward(tmp_path, "qwen-prm")


def test_a_head_of_another_width(tmp_path: Path) -> None:
    model = ValueModel(build(AutoModelForCausalLM, Qwen2Config))
    model.v_head.summary = nn.Linear(7, 1)
    with pytest.raises(ValueError, match=r"^head must be on states of width 16, got"):
        load_reward(model.save(tmp_path), "skywork")


def test_a_classifier_that_computes_more_than_its_head() -> None:
    class Gated(LlamaForSequenceClassification):  # type: ignore[misc]
        def forward(self, *args: Any, **options: Any) -> Any:
            found = super().forward(*args, **options)
            found.logits = found.logits * 2
            return found

    torch.manual_seed(0)
    model = Gated(config(LlamaConfig, num_labels=1))
    with pytest.raises(
        ValueError, match=r"^model: Gated must compute its head .* and nothing else"
    ):
        load_reward(model, "outcome")


def test_an_encoder_decoder() -> None:
    bart = build(AutoModelForSequenceClassification, BartConfig, num_labels=1, d_model=16)
    with pytest.raises(ValueError, match="is an encoder-decoder"):
        load_reward(bart, "outcome")


def test_arguments(tmp_path: Path) -> None:
    model = build(AutoModelForTokenClassification, LlamaConfig, num_labels=2)
    with pytest.raises(
        TypeError, match=r"^model must be a folder, a hub id or a model with a head"
    ):
        load_reward(3, "trl")
    with pytest.raises(
        ValueError, match=r"^gguf_file must be None for a format with the head 'tok"
    ):
        load_reward(model, "trl", gguf_file="a.gguf")
    with pytest.raises(ValueError, match=r"^dtype must be a floating-point dtype"):
        load_reward(model, "trl", dtype="int8")
    with pytest.raises(ValueError, match=r"^format must be one of"):
        load_reward(model, "trl2")
    with pytest.raises(ValueError, match=r"^model must be an existing folder or a hub id"):
        load_reward(tmp_path / "none", "trl")
    with pytest.raises(ValueError, match="does not load"):
        load_reward(tmp_path, "trl")


def test_an_object_without_a_backbone() -> None:
    class Alone(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.score = nn.Linear(16, 2)

    with pytest.raises(
        ValueError, match=r"^model: Alone must hold a transformers model named one of"
    ):
        load_reward(Alone(), "trl")


def test_an_adapter_in_a_folder(tmp_path: Path) -> None:
    (tmp_path / "adapter_config.json").write_text('{"base_model_name_or_path": "some/model"}')
    with pytest.raises(ValueError, match="it is an adapter: merge it into its model"):
        load_reward(tmp_path, "trl")


def test_a_model_without_weights() -> None:
    with torch.device("meta"):
        model = AutoModelForTokenClassification.from_config(config(LlamaConfig, num_labels=2))
    with pytest.raises(ValueError, match="its parameters are on the meta device"):
        load_reward(model, "trl")
