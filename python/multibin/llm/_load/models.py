"""Loads a model from a folder, a hub id or a transformers model, checked before anything runs."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

import torch
from torch import Tensor
from transformers import AutoConfig, AutoModelForCausalLM
from transformers import PreTrainedModel as Module

from multibin.llm._load import hf
from multibin.llm._load.adapters import (
    adapter_base,
    check_adapters,
    is_wrapped,
    load_adapter,
    unwrapped,
)
from multibin.llm._load.architecture import Context, check_class, check_config, context_of
from multibin.llm._load.eos import eos_ids
from multibin.llm._load.failures import check_location, loading, quantized_by
from multibin.llm._load.gguf_file import gguf_options
from multibin.llm._load.placement import check_device, check_dtype, default_device, moved, placed

ModelSource: TypeAlias = str | os.PathLike[str] | Module

SHOWN = 3
"""Missing weights that an error names."""


@dataclass(frozen=True)
class Model:
    """A causal language model in evaluation mode and what the engine must know of it."""

    module: Module
    form: hf.Form
    """How it is called."""
    device: torch.device
    vocabulary: int
    """Ids that its embedding has."""
    context: int
    """The most positions that it can be fed."""
    shortened: str
    """Why `context` is less than the config's positions; empty if it is not."""
    eos: frozenset[int]
    """Ids that end a text."""
    attends: bool = False
    """Whether its layers call the engine's attention."""
    expands: bool = False
    """Whether they attend to keys and values that they compute from what is cached."""
    copied: bool = False
    """Whether its own attention needs cached keys and values as one block of memory."""

    @property
    def keeps_state(self) -> bool:
        """Returns whether layers keep state of fixed size for each row."""
        return any(layer.has_state for layer in hf.layers(self.module.config))

    def new_states(self) -> hf.States:
        """Returns the state of rows of which nothing has been fed."""
        return hf.new_states(self.module.config)

    def with_attention(self, *, expands: bool) -> Model:
        """Returns the model with the engine's attention, for which windows limit no context."""
        context = context_of(self.module.config, windows=False)
        return replace(
            self,
            attends=True,
            expands=expands,
            context=context.length,
            shortened=_shortened(self.module, context),
        )

    def layers(self, indices: Sequence[int]) -> list[hf.Layer]:
        """Returns what the layers of these indices attend to."""
        known = hf.layers(self.module.config)
        # A model that runs its layers several times caches each time, in the same order.
        return [known[index % len(known)] for index in indices]

    def prefill(self, ids: Tensor, cache: object, positions: Tensor | None = None) -> Tensor:
        """Feeds prompts, [rows, width], and returns logits [rows, width, vocab].

        Args:
            ids: the tokens.
            cache: what the model reads and writes.
            positions: one a token, [rows, width]; None: 0, 1, … in each row.
        """
        if positions is None and self.form.prefill_positions:
            positions = hf.arange(ids)
        return hf.logits(self.module, self.form, ids, cache, positions)

    def decode(self, ids: Tensor, cache: object, positions: Tensor, mask: Tensor | None) -> Tensor:
        """Feeds one token a row, [rows, 1], and returns logits [rows, 1, vocab].

        Args:
            ids: the tokens.
            cache: what the model reads and writes.
            positions: one a row, [rows, 1].
            mask: what hides cached positions from rows; None: each row sees all.
        """
        where = positions if self.form.decode_positions else None
        return hf.logits(self.module, self.form, ids, cache, where, mask)


def load(
    source: ModelSource,
    *,
    device: str | torch.device | None = None,
    dtype: str | torch.dtype | None = None,
    gguf_file: str | os.PathLike[str] | None = None,
    trust_remote_code: bool = False,
) -> Model:
    """Returns the model of `source`, in evaluation mode, its architecture checked first.

    Args:
        source: a local folder, a hub id, a transformers model, which is changed in place, or a PEFT
            model around one, whose adapters stay active.
        gguf_file: a file in that folder, which has all: config, tokenizer and weights.
        device: None: a model object stays where it is; a loaded model goes to CUDA if there is one.
        dtype: None or "auto": that of the checkpoint or the model.
        trust_remote_code: whether code in a checkpoint's folder may run.

    Raises:
        TypeError: `source`, `dtype` or `gguf_file` of a wrong type.
        ValueError: no such folder or file, files that are corrupt or lack weights, or an
            architecture that the engine cannot run.
    """
    kind = check_dtype(dtype)
    place = check_device(device)
    options = gguf_options(source, gguf_file) | {"trust_remote_code": trust_remote_code}
    if isinstance(source, str | os.PathLike):
        module = moved(_from_pretrained(source, kind, options), place or default_device())
    else:
        module = placed(_unwrapped(source), place, kind)
    return _model(module.eval())


def _unwrapped(source: Any) -> Module:
    """Returns the transformers model that `source` is or holds, checked."""
    module = unwrapped(source) if is_wrapped(source) else source
    if not isinstance(module, Module):
        raise TypeError(
            "model must be a folder, a hub id or a transformers model, "
            f"got an object of type {type(source).__name__}"
        )
    _check(module)
    if module is not source:
        check_adapters(source.eval(), module)
    return module


def _check(module: Module) -> None:
    check_class(type(module))
    check_config(module.config, type(module))


def _model(module: Module) -> Model:
    name = f"model: {type(module).__name__}"
    if hf.device(module).type == "meta":
        raise ValueError(f"{name} has no weights: its parameters are on the meta device")
    vocabulary = hf.vocabulary(module)
    if vocabulary is None:
        raise ValueError(f"{name} has no single table of token embeddings: it reads no text ids")
    context = context_of(module.config)
    return Model(
        module=module,
        form=hf.forms(module)[0],
        device=hf.device(module),
        vocabulary=vocabulary,
        context=context.length,
        shortened=_shortened(module, context),
        eos=eos_ids(module.generation_config, hf.decoder(module.config)),
    )


def _shortened(module: Module, context: Context) -> str:
    return f"model: {type(module).__name__}: {context.shortened}" if context.shortened else ""


def _from_pretrained(
    source: str | os.PathLike[str], dtype: torch.dtype | None, options: dict[str, Any]
) -> Module:
    """Loads a model; `options` are arguments that transformers takes for config and weights."""
    name = check_location("model", source)
    gguf_file = options.get("gguf_file")
    with loading("model", name, gguf_file):
        base = adapter_base(name)
        config = AutoConfig.from_pretrained(base or name, **options)
    own_code = options["trust_remote_code"] and hf.has_own_code(config)
    if not own_code:
        check_config(config)
    with loading("model", name, gguf_file), quantized_by(hf.quantization(config)):
        module, report = AutoModelForCausalLM.from_pretrained(
            base or name,
            config=config,
            dtype=dtype or "auto",
            output_loading_info=True,
            # They are refused below, by name.
            ignore_mismatched_sizes=True,
            **options,
        )
        check_weights(report)
        if base is not None:
            load_adapter(module, name)
    if own_code:
        _check(module)
    return module


def check_weights(report: Mapping[str, Any]) -> None:
    """Refuses a checkpoint that lacks weights, as transformers draws those at random.

    Raises:
        ValueError: a weight is missing or has another shape; the message names it.
    """
    for key, read, expected in sorted(report["mismatched_keys"])[:1]:
        raise ValueError(f"{key} has shape {list(read)}, and the config says {list(expected)}")
    if missing := sorted(report["missing_keys"]):
        shown = ", ".join(missing[:SHOWN]) + (", …" if len(missing) > SHOWN else "")
        raise ValueError(f"{len(missing)} of its weights are missing: {shown}")
