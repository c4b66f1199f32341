"""Sources of a model, and what may be around it: adapters, offloaded parts, autocast."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from tests.llm.greedy import Reference, continued
from tests.llm.small import SMALL
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from transformers import (
    AutoModelForCausalLM,
    GPT2Config,
    LlamaConfig,
    PreTrainedTokenizerFast,
)

from multibin.llm import LLM
from multibin.llm._load.tiny import tiny_model

PROMPTS = [[5, 6, 7], [9, 8] * 10, [3, 1], [50] * 7, [4]]
BUDGETS = [9, 12, 20, 5, 30]


def texts(model: Any, **options: Any) -> list[list[int]]:
    """Returns what the engine continues `PROMPTS` with."""
    llm = LLM(model, batch_size=3, edges=[0, 6, 30], **options)
    return continued(llm, PROMPTS, BUDGETS, ignore_eos=True)


@pytest.fixture
def model(make_model: Callable[..., Any]) -> Any:
    """A Llama of this test alone."""
    return make_model(LlamaConfig(**SMALL))


def offload_to_memory(model: Any, _: Path) -> None:
    pytest.importorskip("accelerate").cpu_offload(model, execution_device="cpu")


def offload_to_disk(model: Any, folder: Path) -> None:
    pytest.importorskip("accelerate").disk_offload(model, folder, execution_device="cpu")


def offload_a_part(model: Any, folder: Path) -> None:
    places = {
        "model.embed_tokens": "disk",
        "model.layers.0": "cpu",
        "model.layers.1": "disk",
        "model.norm": "cpu",
        "model.rotary_emb": "cpu",
        "lm_head": "disk",
    }
    pytest.importorskip("accelerate").dispatch_model(
        model, places, main_device="cpu", offload_dir=folder, force_hooks=True
    )


OFFLOADS = [offload_to_memory, offload_to_disk, offload_a_part]


@pytest.mark.parametrize("offload", OFFLOADS)
@pytest.mark.filterwarnings("default")
def test_an_offloaded_model_generates_the_same(
    offload: Callable[[Any, Path], None], model: Any, tmp_path: Path, reference: Reference
) -> None:
    expected = reference(model, PROMPTS, BUDGETS)
    offload(model, tmp_path)
    assert any(parameter.is_meta for parameter in model.parameters())
    assert texts(model) == expected


@pytest.mark.filterwarnings("default")
def test_an_offloaded_model_with_tied_weights(
    make_model: Callable[..., Any], tmp_path: Path, reference: Reference
) -> None:
    sizes = {"n_positions": 64, "n_embd": 32, "n_layer": 2, "n_head": 4}
    model = make_model(GPT2Config(vocab_size=97, **sizes))
    expected = reference(model, PROMPTS, BUDGETS)
    offload_to_memory(model, tmp_path)
    assert texts(model) == expected


@pytest.mark.parametrize(("name", "value"), [("device", "cpu"), ("dtype", "float32")])
@pytest.mark.filterwarnings("default")
def test_an_offloaded_model_cannot_be_moved(
    name: str, value: Any, model: Any, tmp_path: Path
) -> None:
    offload_to_memory(model, tmp_path)
    options: Any = {name: value}
    with pytest.raises(
        ValueError, match=f"{name} must be None for a model with offloaded parts, got .*{value}"
    ):
        LLM(model, **options)


def with_adapter(model: Any, **options: Any) -> Any:
    """Returns the model inside a PEFT model whose adapter changes what it computes."""
    peft = pytest.importorskip("peft")
    wrapped = peft.get_peft_model(
        model, peft.LoraConfig(target_modules=["q_proj", "v_proj"], **options)
    )
    generator = torch.Generator().manual_seed(1)
    for name, parameter in wrapped.named_parameters():
        if "lora" in name:
            parameter.data.copy_(torch.randn(parameter.shape, generator=generator) / 2)
    return wrapped.double()


@pytest.mark.parametrize("task", [None, "CAUSAL_LM"])
@pytest.mark.filterwarnings("default:::peft", "default:::transformers")
def test_a_peft_model_runs_with_its_adapter(task: str | None, model: Any) -> None:
    plain = texts(model)
    wrapped = with_adapter(model, task_type=task)
    expected = []
    for prompt, budget in zip(PROMPTS, BUDGETS, strict=True):
        ids = torch.tensor([prompt])
        mask = torch.ones_like(ids)
        output = wrapped.generate(
            input_ids=ids,
            attention_mask=mask,
            max_new_tokens=budget,
            do_sample=False,
            pad_token_id=0,
        )
        expected.append(output[0, len(prompt) :].tolist())
    assert texts(wrapped) == expected != plain
    with wrapped.disable_adapter():
        assert texts(wrapped) == plain


@pytest.mark.parametrize("kind", ["PromptTuningConfig", "PrefixTuningConfig"])
@pytest.mark.filterwarnings("default")
def test_virtual_tokens_are_refused(kind: str, model: Any) -> None:
    peft = pytest.importorskip("peft")
    config = getattr(peft, kind)(task_type="CAUSAL_LM", num_virtual_tokens=4)
    wrapped = peft.get_peft_model(model, config).double()
    with pytest.raises(ValueError, match=r"model: Peft.* outside the layers .*get_base_model\(\)"):
        LLM(wrapped)


@pytest.mark.filterwarnings("default:::peft", "default:::transformers")
def test_a_folder_of_an_adapter_brings_its_base_and_the_tokenizer_of_either(
    model: Any, tmp_path: Path
) -> None:
    base, folder = tmp_path / "base", tmp_path / "adapter"
    model.save_pretrained(base)
    words = Tokenizer(WordLevel({"a": 0, "b": 1}, unk_token="a"))
    PreTrainedTokenizerFast(tokenizer_object=words).save_pretrained(base)
    model = AutoModelForCausalLM.from_pretrained(base, dtype="float64")
    plain = texts(model)
    wrapped = with_adapter(model, task_type="CAUSAL_LM")
    wrapped.save_pretrained(folder)
    expected = texts(wrapped)
    assert texts(folder, dtype="float64", device="cpu") == expected != plain
    assert LLM(folder, device="cpu").tokenizer is not None


@pytest.mark.filterwarnings("default:::peft", "default:::transformers")
def test_adapters_of_several_kinds_at_once(model: Any) -> None:
    peft = pytest.importorskip("peft")
    config = peft.LoraConfig(target_modules=["q_proj"], init_lora_weights=False)
    mixed = peft.PeftMixedModel(model, config, "default").double()
    assert texts(mixed) == texts(mixed.base_model.model)


@pytest.mark.filterwarnings("default:::peft", "default:::transformers")
def test_an_adapter_that_some_tokens_invoke_is_refused(model: Any, tmp_path: Path) -> None:
    """Only its wrapper looks for these tokens, and the trial may have none of them."""
    peft = pytest.importorskip("peft")
    options = {"target_modules": ["q_proj"], "alora_invocation_tokens": [50, 60]}
    model.save_pretrained(tmp_path / "base")
    model = AutoModelForCausalLM.from_pretrained(tmp_path / "base", dtype="float64")
    wrapped = peft.get_peft_model(model, peft.LoraConfig(task_type="CAUSAL_LM", **options))
    with pytest.raises(ValueError, match=r"model: Peft.* outside the layers"):
        LLM(wrapped)
    wrapped.save_pretrained(tmp_path / "adapter")
    with pytest.raises(ValueError, match=r"model=.* does not load: .*alora_invocation_tokens"):
        LLM(tmp_path / "adapter")


@pytest.mark.filterwarnings("default:::peft", "default:::transformers")
def test_missing_weights_of_an_adapter_and_a_missing_base_are_named(
    model: Any, tmp_path: Path
) -> None:
    base, folder = tmp_path / "base", tmp_path / "adapter"
    model.save_pretrained(base)
    model = AutoModelForCausalLM.from_pretrained(base, dtype="float64")
    with_adapter(model, task_type="CAUSAL_LM").save_pretrained(folder)
    file = folder / "adapter_model.safetensors"
    weights = load_file(file)
    save_file({key: value for key, value in weights.items() if "layers.1" not in key}, file)
    with pytest.raises(ValueError, match=r"4 weights of the adapter are missing: .*layers\.1"):
        LLM(folder)
    base.rename(tmp_path / "elsewhere")
    with pytest.raises(ValueError, match=r"the base model that its adapter names is missing"):
        LLM(folder)


def test_a_folder_of_an_adapter_without_a_base_is_named(tmp_path: Path) -> None:
    (tmp_path / "adapter_config.json").write_text('{"peft_type": "LORA"}')
    with pytest.raises(ValueError, match=r"model=.* does not load: .*base_model_name_or_path"):
        LLM(tmp_path)


@pytest.mark.parametrize("attention", ["sdpa", "eager"])
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_inside_autocast_as_transformers_generates_there(
    attention: str, dtype: torch.dtype
) -> None:
    model = tiny_model(width=2)
    model.set_attn_implementation(attention)
    outside = texts(model)
    with torch.autocast("cpu", dtype=dtype):
        llm = LLM(model, batch_size=1)
        mine = continued(llm, PROMPTS, [8] * len(PROMPTS), ignore_eos=True)
        for prompt, tokens in zip(PROMPTS, mine, strict=True):
            ids = torch.tensor([prompt])
            theirs = model.generate(
                ids, attention_mask=torch.ones_like(ids), max_new_tokens=8, eos_token_id=None
            )
            assert tokens == theirs[0, len(prompt) :].tolist()
        assert [len(tokens) for tokens in texts(model)] == BUDGETS
    assert texts(model) == outside


CODE = """
from transformers import LlamaConfig, LlamaForCausalLM

class OwnConfig(LlamaConfig):
    model_type = "own_code"

class OwnForCausalLM(LlamaForCausalLM):
    config_class = OwnConfig
"""


@pytest.fixture
def own_code(model: Any, tmp_path: Path) -> Path:
    """A checkpoint with its own classes in its folder."""
    import json

    model.save_pretrained(tmp_path)
    (tmp_path / "own.py").write_text(CODE)
    file = tmp_path / "config.json"
    names = {"AutoConfig": "own.OwnConfig", "AutoModelForCausalLM": "own.OwnForCausalLM"}
    config = json.loads(file.read_text()) | {"model_type": "own_code", "auto_map": names}
    file.write_text(json.dumps(config))
    return tmp_path


def test_code_in_a_checkpoint_never_asks_and_runs_only_if_trusted(
    own_code: Path, model: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def ask(*_: object) -> str:
        raise AssertionError("asked on the terminal")

    monkeypatch.setattr("builtins.input", ask)
    with pytest.raises(ValueError, match=r"does not load: .*trust_remote_code=True"):
        LLM(own_code)
    assert "[y/N]" not in capsys.readouterr().out
    llm = LLM(own_code, dtype="float64", device="cpu", trust_remote_code=True)
    assert type(llm.model).__name__ == "OwnForCausalLM"
    assert texts(own_code, dtype="float64", device="cpu", trust_remote_code=True) == texts(model)
    with pytest.raises(TypeError, match="trust_remote_code must be a bool, got 'yes'"):
        LLM(own_code, trust_remote_code="yes")  # type: ignore[arg-type]
