"""Loads a reward model for a format, checked before anything runs."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from multibin._args import sentence
from multibin.llm._load.models import Model, load
from multibin.llm._load.placement import check_device, check_dtype
from multibin.reward._formats._format import Format
from multibin.reward._formats._registry import format_of
from multibin.reward._load._checkpoint import load_checkpoint
from multibin.reward._load._parts import take_apart


@dataclass(frozen=True)
class Loaded:
    """A reward model in evaluation mode: what computes states or logits, and the head on states."""

    model: Model
    """A causal language model, a backbone whose output 0 is states [rows, width, hidden], or an
    encoder with its classifier, whose output 0 is logits."""
    head: nn.Module | None
    """Makes logits [n, columns] of states [n, hidden], in at least float32; None: none is apart."""
    is_causal: bool
    """Whether tokens read only what stands before them, so that prefixes can be shared."""


def load_reward(
    source: Any,
    format: str | Format,
    *,
    device: str | torch.device | None = None,
    dtype: str | torch.dtype | None = None,
    gguf_file: str | os.PathLike[str] | None = None,
    trust_remote_code: bool = False,
) -> Loaded:
    """Returns a reward model from a folder, a hub id or an object, if it has the format's head.

    >>> from multibin.llm._load.tiny import tiny_model
    >>> from multibin.reward._load import load_reward
    >>> loaded = load_reward(tiny_model(), "versaprm")
    >>> loaded.head is None, loaded.is_causal
    (True, True)

    Args:
        source: a folder or hub id; a model of transformers; or an object with a model of
            transformers and a module `score`, `classifier` or `v_head`.
        format: a name or a `Format`.
        device: None: a model object stays where it is; a loaded model goes to CUDA if there is one.
        dtype: of the model, None or "auto": that of the checkpoint or the model. Heads compute in
            at least float32.
        gguf_file: a GGUF file in the folder, for formats that read the logits of label tokens.
        trust_remote_code: whether code in a checkpoint's folder may run.

    Raises:
        TypeError: an argument of a wrong type.
        ValueError: no such folder or file, missing weights, an unsupported architecture, no head of
            the format's kind, or one with another number of columns.
    """
    format = format_of(format)
    if format.head == "vocabulary":
        model = load(
            source,
            device=device,
            dtype=dtype,
            gguf_file=gguf_file,
            trust_remote_code=trust_remote_code,
        )
        return Loaded(model, None, is_causal=True)
    if gguf_file is not None:
        rule = f"None for a format with the head {format.head!r}"
        raise ValueError(sentence("gguf_file", rule, os.fspath(gguf_file)))
    place, kind = check_device(device), check_dtype(dtype)
    if isinstance(source, str | os.PathLike):
        model, head = load_checkpoint(source, format, place, kind, trust_remote_code)
    else:
        model, head = take_apart(source, format, place, kind)
    return Loaded(model, head, is_causal=head is not None)
