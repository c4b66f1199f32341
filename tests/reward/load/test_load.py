"""A model loads for its format, and its parts compute what the whole computes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from tests.reward.load.tiny import (
    DECODERS,
    ENCODERS,
    HIDDEN,
    VOCABULARY,
    ProcessModel,
    ValueModel,
    build,
)
from torch import nn
from transformers import (
    AutoModel,
    AutoModelForCausalLM,
    AutoModelForSequenceClassification,
    AutoModelForTokenClassification,
    LlamaConfig,
    MambaConfig,
    Qwen2Config,
    RobertaConfig,
)

from multibin.reward._formats import outcome, trl
from multibin.reward._load import Loaded, load_reward

# DeBERTa of transformers 5.17 is compiled in a way that torch has given up.
pytestmark = pytest.mark.filterwarnings("default:`torch.jit.script` is deprecated:FutureWarning")

IDS = torch.tensor([[5, 6, 7, 8, 9]])


def logits(loaded: Loaded, ids: torch.Tensor = IDS) -> torch.Tensor:
    """Those of each token, [width, columns]."""
    assert loaded.head is not None
    with torch.inference_mode():
        head: torch.Tensor = loaded.head(loaded.model.module(input_ids=ids)[0][0])
    return head


def whole(model: Any, ids: torch.Tensor = IDS) -> torch.Tensor:
    with torch.inference_mode():
        found: torch.Tensor = model(input_ids=ids)[0][0]
    return found


@pytest.fixture(params=DECODERS, ids=lambda config: str(config.__name__))
def decoder(request: pytest.FixtureRequest) -> Any:
    return request.param


@pytest.fixture(params=["object", "folder"])
def given(request: pytest.FixtureRequest, tmp_path: Path) -> Any:
    """Returns a model as it is, or the folder to which it is saved."""

    def place(model: Any) -> Any:
        if request.param == "object":
            return model
        (model.save if hasattr(model, "save") else model.save_pretrained)(tmp_path)
        return tmp_path

    return place


def test_a_language_model(decoder: Any, given: Any) -> None:
    model = build(AutoModelForCausalLM, decoder)
    loaded = load_reward(given(model), "versaprm")
    assert loaded.head is None
    assert loaded.is_causal
    assert torch.equal(whole(loaded.model.module), whole(model))


def test_labels_of_tokens(decoder: Any, given: Any) -> None:
    model = build(AutoModelForTokenClassification, decoder, num_labels=2)
    loaded = load_reward(given(model), "trl")
    assert loaded.is_causal
    assert torch.allclose(logits(loaded), whole(model))


def test_one_score_a_sequence(decoder: Any, given: Any) -> None:
    model = build(AutoModelForSequenceClassification, decoder, num_labels=1)
    loaded = load_reward(given(model), "outcome")
    assert loaded.is_causal
    assert torch.allclose(logits(loaded)[-1], whole(model))


def test_the_id_of_padding_does_not_matter() -> None:
    model = build(AutoModelForSequenceClassification, LlamaConfig, num_labels=1)
    expected = whole(model)
    model.config.pad_token_id = 9
    assert not torch.allclose(whole(model), expected)
    assert torch.allclose(logits(load_reward(model, "outcome"))[-1], expected)


def test_a_head_of_two_layers(given: Any) -> None:
    model = ProcessModel(build(AutoModel, Qwen2Config))
    loaded = load_reward(given(model), "qwen-prm")
    with torch.inference_mode():
        expected = model.score(model.model(input_ids=IDS)[0][0])
    assert torch.allclose(logits(loaded), expected)


CODE = """
from torch import nn
from transformers import Qwen2Config, Qwen2Model, Qwen2PreTrainedModel

class OwnConfig(Qwen2Config):
    pass

class OwnModel(Qwen2PreTrainedModel):
    config_class = OwnConfig

    def __init__(self, config):
        super().__init__(config)
        self.model = Qwen2Model(config)
        first, last = (nn.Linear(config.hidden_size, size) for size in (config.hidden_size, 2))
        self.score = nn.Sequential(first, nn.ReLU(), last)
        self.post_init()

    def forward(self, *args, **options):
        return (self.score(self.model(*args, **options)[0]),)
"""


@pytest.mark.parametrize("trusted", [False, True])
def test_a_checkpoint_with_code_of_its_own(
    trusted: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("transformers.dynamic_module_utils.HF_MODULES_CACHE", str(tmp_path / "c"))
    model = ProcessModel(build(AutoModel, Qwen2Config))
    folder = model.save(tmp_path)
    written = json.loads((folder / "config.json").read_text())
    written["auto_map"] = {"AutoConfig": "own.OwnConfig", "AutoModel": "own.OwnModel"}
    (folder / "config.json").write_text(json.dumps(written))
    if trusted:
        (folder / "own.py").write_text(CODE)
    loaded = load_reward(folder, "qwen-prm", trust_remote_code=trusted)
    assert type(loaded.model.module).__name__ == "Qwen2Model"
    with torch.inference_mode():
        assert torch.allclose(logits(loaded), model.score(model.model(input_ids=IDS)[0][0]))


@pytest.mark.parametrize("tied", [False, True])
def test_a_value_head(given: Any, tied: bool) -> None:
    model = ValueModel(build(AutoModelForCausalLM, Qwen2Config, tie_word_embeddings=tied))
    loaded = load_reward(given(model), "skywork")
    with torch.inference_mode():
        states = model.pretrained_model(input_ids=IDS, output_hidden_states=True).hidden_states
        expected = model.v_head.summary(states[-1][0])
    assert torch.allclose(logits(loaded), expected)


@pytest.mark.parametrize("config", ENCODERS)
def test_encoders_are_called_whole(config: Any, given: Any) -> None:
    model = build(AutoModelForSequenceClassification, config, num_labels=1)
    loaded = load_reward(given(model), "outcome")
    assert loaded.head is None
    assert not loaded.is_causal
    with torch.inference_mode():
        found = loaded.model.module(input_ids=IDS, attention_mask=torch.ones_like(IDS))[0]
    assert torch.allclose(found[0], whole(model))


def test_an_encoder_reads_as_many_tokens_as_it_has_positions() -> None:
    for config in ENCODERS:
        model = build(AutoModelForSequenceClassification, config, num_labels=1)
        context = load_reward(model, "outcome").model.context
        ids = torch.full((1, context), 3)
        assert torch.isfinite(whole(model, ids)).all()
        assert context == (63 if config is RobertaConfig else 64)


def test_an_encoder_that_labels_tokens() -> None:
    model = build(AutoModelForTokenClassification, ENCODERS[0], num_labels=2)
    assert not load_reward(model, "trl").is_causal


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float32, torch.float64])
def test_heads_compute_in_at_least_float32(given: Any, dtype: torch.dtype) -> None:
    model = build(AutoModelForTokenClassification, Qwen2Config, num_labels=2)
    loaded = load_reward(given(model), "trl", dtype=dtype)
    assert loaded.model.module.dtype == dtype
    assert logits(loaded).dtype == torch.promote_types(dtype, torch.float32)


def test_a_wrapped_head_in_bfloat16() -> None:
    model = ValueModel(build(AutoModelForCausalLM, LlamaConfig)).to(torch.bfloat16)
    loaded = load_reward(model, "skywork", device="cpu")
    assert logits(loaded).dtype == torch.float32
    assert model.v_head.summary.weight.dtype == torch.bfloat16


def test_training_mode_does_not_stay() -> None:
    model = build(AutoModelForTokenClassification, LlamaConfig, num_labels=2).train()
    loaded = load_reward(model, "trl")
    assert not any(part.training for part in loaded.model.module.modules())
    assert torch.equal(logits(loaded), logits(loaded))


def test_what_is_known_of_a_model() -> None:
    loaded = load_reward(build(AutoModelForTokenClassification, LlamaConfig, num_labels=2), trl())
    model = loaded.model
    assert (model.vocabulary, model.context, model.device.type) == (VOCABULARY, 64, "cpu")
    assert model.form.prefill_positions


def test_prefixes_can_be_cached() -> None:
    """The backbone takes keys and values of what stands before."""
    loaded = load_reward(
        build(AutoModelForSequenceClassification, LlamaConfig, num_labels=1), "outcome"
    )
    module = loaded.model.module
    with torch.inference_mode():
        first = module(input_ids=IDS[:, :3], use_cache=True)
        cache = {loaded.model.form.cache: first.get("cache", first.get("past_key_values"))}
        rest = module(input_ids=IDS[:, 3:], **cache)[0]
        assert torch.allclose(rest, module(input_ids=IDS)[0][:, 3:], atol=1e-6)


def test_several_columns_with_a_score_of_ones_own() -> None:
    from dataclasses import replace

    model = build(AutoModelForSequenceClassification, LlamaConfig, num_labels=3)
    form = replace(outcome(), labels=("a", "b", "c"), score=lambda logits: logits.sum(-1))
    assert logits(load_reward(model, form)).shape == (IDS.shape[1], 3)


def test_recurrent_models_keep_state() -> None:
    class Recurrent(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.backbone = build(AutoModel, MambaConfig)
            self.score = nn.Linear(HIDDEN, 2)

    loaded = load_reward(Recurrent(), "trl")
    assert loaded.is_causal
    assert loaded.model.keeps_state


@pytest.mark.filterwarnings("default:::peft", "default:::transformers")
def test_adapters_are_part_of_the_model() -> None:
    peft = pytest.importorskip("peft")
    base = build(AutoModelForTokenClassification, Qwen2Config, num_labels=2)
    wrapped = peft.get_peft_model(
        base, peft.LoraConfig(task_type="TOKEN_CLS", r=2, init_lora_weights=False)
    ).eval()
    loaded = load_reward(wrapped, "trl")
    assert torch.allclose(logits(loaded), whole(wrapped))


def test_weights_in_several_files(tmp_path: Path) -> None:
    model = build(AutoModelForTokenClassification, LlamaConfig, num_labels=2)
    model.save_pretrained(tmp_path, max_shard_size="4KB")
    assert len(list(tmp_path.glob("*.safetensors"))) > 1
    assert torch.allclose(logits(load_reward(tmp_path, "trl")), whole(model))


def test_weights_that_torch_has_saved(tmp_path: Path) -> None:
    model = ProcessModel(build(AutoModel, Qwen2Config))
    model.save(tmp_path)
    (tmp_path / "model.safetensors").unlink()
    torch.save(model.state_dict(), tmp_path / "pytorch_model.bin")
    loaded = load_reward(tmp_path, "qwen-prm")
    with torch.inference_mode():
        assert torch.allclose(logits(loaded), model.score(model.model(input_ids=IDS)[0][0]))


def test_any_object_with_a_backbone_and_a_head() -> None:
    class Own(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.backbone = build(AutoModel, LlamaConfig)
            self.classifier = nn.Linear(HIDDEN, 2)

    model = Own()
    loaded = load_reward(model, "trl")
    with torch.inference_mode():
        assert torch.allclose(logits(loaded), model.classifier(model.backbone(IDS)[0][0]))
