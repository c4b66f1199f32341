"""Adapters: they alone are trained, saved and read back."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import pytest
import torch
from tests.reward.train import small

from multibin.reward.train import LoRA, train

peft = pytest.importorskip("peft", reason="LoRA needs the package peft")

OLD_NAMES = pytest.mark.filterwarnings("default:::peft", "default:::transformers")
"""peft uses names that transformers has changed."""

FEW: dict[str, Any] = {"steps": 3, "lr": 0.05, "warmup": 0, "use_tqdm": False}


def named(model: Any) -> dict[str, torch.Tensor]:
    """Returns copies of the weights, by names without the parts that adapters add."""
    return {
        name.replace("base_layer.", ""): weight.detach().clone()
        for name, weight in model.named_parameters()
    }


def test_adapters_alone_are_trained() -> None:
    model = small.llama()
    before = named(model)
    train(model, small.TOKENIZER, small.EXAMPLES, lora=LoRA(rank=2), **FEW)
    after = named(model)
    assert all(torch.equal(after[name], weight) for name, weight in before.items())
    added = after.keys() - before.keys()
    assert all("lora_" in name for name in added)
    layers = 2 * 7
    assert len(added) == 2 * layers
    assert all(after[name].any() for name in added)


@OLD_NAMES
def test_a_saved_adapter_gives_the_same_logits(tmp_path: Path) -> None:
    model = small.llama()
    history = train(model, small.TOKENIZER, small.EXAMPLES, lora=LoRA(rank=2), **FEW)
    history.model.save_pretrained(tmp_path)
    assert {each.name for each in tmp_path.glob("*.safetensors")} == {"adapter_model.safetensors"}
    again = peft.PeftModel.from_pretrained(small.llama(), tmp_path).double().eval()
    ids = torch.tensor([[5, 6, 7]])
    torch.testing.assert_close(again(ids).logits, model(ids).logits, atol=1e-5, rtol=0)
    assert not torch.allclose(small.llama()(ids).logits, model(ids).logits, atol=1e-3)


def test_the_head_of_a_token_classifier_is_trained_whole() -> None:
    model = small.token_classifier()
    train(model, small.TOKENIZER, small.EXAMPLES, format=small.TOKENS, lora=LoRA(rank=2), **FEW)
    trained = {name for name, each in model.named_parameters() if each.requires_grad}
    heads = {name for name in trained if "score" in name}
    assert heads
    assert all("modules_to_save" in name for name in heads)
    assert all("lora_" in name for name in trained - heads)
    before = small.token_classifier().score.weight
    found = {name: each for name, each in model.named_parameters() if name in heads}
    assert not torch.equal(next(each for each in found.values() if each.dim() == 2), before)


def test_targets_can_be_named() -> None:
    model = small.llama()
    lora = LoRA(rank=2, targets=("q_proj",))
    train(model, small.TOKENIZER, small.EXAMPLES, lora=lora, **FEW)
    trained = [name for name, each in model.named_parameters() if each.requires_grad]
    assert len(trained) == 4
    assert all("q_proj" in name for name in trained)


@OLD_NAMES
def test_a_model_of_peft_is_trained_as_it_is() -> None:
    config = peft.LoraConfig(r=2, target_modules=["q_proj"], task_type="CAUSAL_LM")
    model = peft.get_peft_model(small.llama(), config)
    before = named(model)
    train(model, small.TOKENIZER, small.EXAMPLES, **FEW)
    after = named(model)
    changed = {name for name in after if not torch.equal(after[name], before[name])}
    assert changed
    assert all("lora_" in name for name in changed)


def test_a_model_with_adapters_is_refused() -> None:
    model = small.llama()
    train(model, small.TOKENIZER, small.EXAMPLES, lora=LoRA(rank=2), **FEW)
    with pytest.raises(ValueError, match="lora must be None for a model with adapters"):
        train(model, small.TOKENIZER, small.EXAMPLES, lora=LoRA(rank=2), **FEW)


def test_without_peft_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    find = importlib.util.find_spec
    missing = lambda name, *rest: None if name == "peft" else find(name, *rest)  # noqa: E731
    monkeypatch.setattr(importlib.util, "find_spec", missing)
    with pytest.raises(ModuleNotFoundError, match="LoRA needs peft: pip install"):
        train(small.llama(), small.TOKENIZER, small.EXAMPLES, lora=LoRA(), **FEW)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"rank": 0}, "rank must be at least 1, got 0"),
        ({"alpha": 0}, "alpha must be at least 1, got 0"),
        ({"dropout": 1.5}, "dropout must be between 0 and 1, got 1.5"),
        ({"targets": ()}, "targets must be 'all-linear' or names of modules"),
    ],
)
def test_settings_that_do_not_fit_are_refused(changed: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        LoRA(**changed)
