"""Only `hf` uses private names of transformers, and it tells versions apart by capability."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from tests.llm.greedy import continued
from tests.llm.small import SMALL
from transformers import LlamaConfig, LlamaForCausalLM

import multibin
from multibin.llm import LLM
from multibin.llm._load import hf
from multibin.llm._load.tiny import tiny_model

PACKAGE = Path(multibin.__file__).parent
HF = PACKAGE / "llm" / "_load" / "hf"

PUBLIC = {
    "AutoConfig",
    "AutoModel",
    "AutoModelForCausalLM",
    "AutoModelForSequenceClassification",
    "AutoModelForTokenClassification",
    "AutoTokenizer",
    "LlamaConfig",
    "LlamaForCausalLM",
    "PreTrainedConfig",
    "PreTrainedModel",
}

PRIVATE = {
    "_attn_implementation",
    "_experts_implementation",
    "_hf_hook",
    "_is_stateful",
    "_model_mapping",
    "_supports_attention_backend",
    "attention_chunk_size",
    "cache_utils",
    "layer_types",
    "masking_utils",
    "past_key_values",
    "rope_parameters",
    "sliding_window",
    "position_ids",
    "transformers_version",
    "use_cache",
}
"""Attributes, arguments and strings that only `hf` may use."""


def imported(tree: ast.AST) -> Iterator[tuple[str, str]]:
    """Yields module and name of each import of transformers."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("transformers"):
            yield from ((node.module or "", alias.name) for alias in node.names)
        elif isinstance(node, ast.Import):
            yield from ((a.name, "") for a in node.names if a.name.startswith("transformers"))


def identifiers(tree: ast.AST) -> Iterator[str]:
    """Yields attributes, keyword arguments and strings."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute):
            yield node.attr
        elif isinstance(node, ast.keyword):
            yield node.arg or ""
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value


@pytest.mark.parametrize(
    "file", [f for f in PACKAGE.rglob("*.py") if HF not in f.parents], ids=lambda f: f.name
)
def test_no_other_module_uses_private_names_of_transformers(file: Path) -> None:
    tree = ast.parse(file.read_text(encoding="utf-8"))
    beyond = {pair for pair in imported(tree) if pair[0] != "transformers" or pair[1] not in PUBLIC}
    assert not beyond
    if "llm" in file.parts:
        assert not PRIVATE & set(identifiers(tree))


def test_the_search_for_other_imports_finds_them() -> None:
    tree = ast.parse(
        "from transformers.cache_utils import Cache\nimport transformers.utils\nx.y = 1"
    )
    assert set(imported(tree)) == {
        ("transformers.cache_utils", "Cache"),
        ("transformers.utils", ""),
    }
    assert "y" in set(identifiers(tree))


def test_the_docstring_of_hf_lists_what_it_uses() -> None:
    trees = [ast.parse(file.read_text(encoding="utf-8")) for file in HF.glob("*.py")]
    listed = hf.__doc__ or ""
    private = {
        node.attr
        for tree in trees
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and node.attr.startswith("_") and "__" not in node.attr
    }
    own = {"_no_layer", "_min", "_layer", "_original"}
    assert not {name for name in private - own if name not in listed}
    for name in hf.CACHE_ARGUMENTS:
        assert name in listed


def old(self: Any, input_ids: Any, past_key_values: Any = None) -> None: ...
def new(self: Any, input_ids: Any, cache: Any = None) -> None: ...
def both(self: Any, cache: Any = None, past_key_values: Any = None) -> None: ...
def neither(self: Any, input_ids: Any, **kwargs: Any) -> None: ...


def test_the_older_name_of_the_cache_is_preferred() -> None:
    names = [hf.cache_argument(forward) for forward in (old, new, both, neither)]
    assert names == ["past_key_values", "cache", "past_key_values", None]


INNER = str(hf.cache_argument(LlamaForCausalLM.forward))
"""The name of the cache argument in this version of transformers."""


class OldName(LlamaForCausalLM):  # type: ignore[misc]
    """A `forward` of code in a checkpoint from before 5.24."""

    def forward(self, input_ids: Any = None, past_key_values: Any = None, **rest: Any) -> Any:
        return super().forward(input_ids=input_ids, **{INNER: past_key_values}, **rest)


class NewName(LlamaForCausalLM):  # type: ignore[misc]
    """A `forward` since 5.24, which hands positions on through keyword arguments."""

    def forward(self, input_ids: Any = None, cache: Any = None, **rest: Any) -> Any:
        rest.setdefault(INNER, cache)
        return super().forward(input_ids=input_ids, **rest)


class CountsInGenerate(LlamaForCausalLM):  # type: ignore[misc]
    """Its `generate` counts positions from 5; some families count from their padding id."""

    def prepare_inputs_for_generation(self, *args: Any, **kwargs: Any) -> Any:
        inputs = super().prepare_inputs_for_generation(*args, **kwargs)
        width = inputs["input_ids"].shape[1]
        inputs["position_ids"] = 5 + 3 * torch.arange(width)[None]
        return inputs


def test_rows_are_compared_with_generate(make_model: Callable[..., Any]) -> None:
    """A comparison with `forward` alone would pass, and the text would be wrong."""
    plain = make_model(LlamaConfig(**SMALL))
    model = CountsInGenerate(plain.config).double().eval()
    model.load_state_dict(plain.state_dict())
    with pytest.raises(ValueError, match="CountsInGenerate computes a row differently"):
        LLM(model)


def test_a_model_whose_generate_fails_is_compared_with_its_forward(llama: Any) -> None:
    class Silent(type(llama)):  # type: ignore[misc]
        def generate(self, *_: object, **__: object) -> Any:
            raise NotImplementedError

    model = Silent(llama.config).double().eval()
    LLM(model)


@pytest.mark.parametrize("model_class", [OldName, NewName])
def test_either_name_and_positions_through_keyword_arguments(
    model_class: type[Any], make_model: Callable[..., Any]
) -> None:
    plain = make_model(LlamaConfig(**SMALL))
    model = model_class(plain.config).double().eval()
    model.load_state_dict(plain.state_dict())
    assert not hf.takes_positions(model)
    prompts = [[5, 6, 7], [9] * 20, [3, 1], [8] * 11]
    texts = [continued(LLM(one, batch_size=2), prompts, [9] * 4) for one in (plain, model)]
    assert texts[0] == texts[1]


def test_the_form_that_passes_is_chosen() -> None:
    model = tiny_model()
    assert hf.forms(model)[0] == hf.Form(INNER, True, True)
    assert LLM(model)._executor.model.form == hf.Form(INNER, True, True)


def test_a_recorder_leaves_out_layers_that_cache_nothing() -> None:
    recorder = hf.Recorder()
    recorder.cache.update(torch.zeros(1, 2, 3, 4), torch.zeros(1, 2, 3, 4), 1)
    assert list(recorder.layers()) == [1]


class Heads(LlamaForCausalLM):  # type: ignore[misc]
    """Projects its states in ways that code in checkpoints does."""

    how = "by name"

    def forward(
        self, input_ids: Any, position_ids: Any = None, cache: Any = None, **rest: Any
    ) -> Any:
        rest.setdefault(INNER, cache)
        output = self.model(input_ids=input_ids, position_ids=position_ids, **rest)
        return (self.head(output[0]),)

    def head(self, states: Any) -> Any:
        if self.how == "by name":
            return self.lm_head(input=states)
        if self.how == "flat":
            return self.lm_head(states.flatten(0, 1)).unflatten(0, states.shape[:2])
        return torch.cat([self.lm_head(piece) for piece in states.split(4, 1)], 1)

    def get_output_embeddings(self) -> Any:
        if self.how == "unnamed":
            raise NotImplementedError
        return self.model.embed_tokens if self.how == "the table" else self.lm_head


@pytest.mark.parametrize("how", ["by name", "flat", "in pieces", "unnamed", "the table"])
@pytest.mark.parametrize("instance", [False, True])
def test_heads_of_every_kind_and_a_wrapped_forward(
    how: str, instance: bool, make_model: Callable[..., Any]
) -> None:
    """Only states of the shape of the prompts are cut to their last position."""
    plain = make_model(LlamaConfig(**SMALL))
    model = Heads(plain.config).double().eval()
    model.load_state_dict(plain.state_dict())
    model.how = how
    if instance:
        forward = model.forward
        model.forward = lambda *args, **kwargs: forward(*args, **kwargs)
    prompts = [[5, 6, 7], [9] * 20, [3, 1], [8] * 11]
    texts = [continued(LLM(one, batch_size=4), prompts, [9] * 4) for one in (plain, model)]
    assert texts[0] == texts[1]
