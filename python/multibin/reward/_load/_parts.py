"""Takes a model object apart: what gives hidden states, and the head that reads them."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn
from transformers import PreTrainedModel

from multibin.llm._load import hf
from multibin.llm._load.adapters import check_adapters, is_wrapped, unwrapped
from multibin.llm._load.architecture import UNBOUNDED, check_config, context_of
from multibin.llm._load.models import Model
from multibin.llm._load.placement import placed
from multibin.reward._formats._format import Format
from multibin.reward._load import _probe
from multibin.reward._load._heads import NAMES, check_columns, find_head, widened

BACKBONES = ("pretrained_model", "model", "transformer", "backbone", "base_model")
"""Attributes under which objects keep the model below their head."""

WITHOUT_CACHE = hf.Form("past_key_values", prefill_positions=False, decode_positions=False)
"""The form of an encoder, to which no cache is given."""


def take_apart(
    source: Any, format: Format, device: torch.device | None, dtype: torch.dtype | None
) -> tuple[Model, nn.Module | None]:
    """Returns the backbone and the head of a model object; an encoder whole, without a head.

    Raises:
        TypeError: `source` is no module of torch.
        ValueError: no backbone, no head, a head that does not fit `format`, or an architecture that
            the engine cannot run.
    """
    whole = _unwrapped(source)
    backbone = find_backbone(whole, format)
    name = f"model: {type(whole).__name__}"
    if hf.is_encoder_decoder(backbone.config):
        raise ValueError(f"{name} is an encoder-decoder; only decoders and encoders are supported")
    if hf.device(backbone).type == "meta":
        raise ValueError(f"{name} has no weights: its parameters are on the meta device")
    if isinstance(whole, PreTrainedModel):
        placed(whole, device, dtype)
    else:
        placed(backbone, device, dtype)
    whole.eval()
    if not _probe.is_causal(backbone, vocabulary(backbone)):
        return _encoder(whole, format), None
    return join(backbone, find_head(whole, format), format, whole)


def join(
    backbone: PreTrainedModel, head: nn.Module, format: Format, whole: Any = None
) -> tuple[Model, nn.Module]:
    """Returns a decoder and the head on its states, checked against each other and the format.

    Raises:
        ValueError: a head that does not fit, or that is not all that `whole` computes.
    """
    name = f"model: {type(whole or backbone).__name__}"
    check_config(backbone.config, type(backbone))
    device, dtype = hf.device(backbone), backbone.dtype
    wide = widened(head, dtype, device)
    width = hf.decoder(backbone.config).hidden_size
    check_columns(name, format, _probe.columns(wide, width, device, dtype))
    is_classifier = isinstance(whole, PreTrainedModel) and format.head != "value"
    if is_classifier and not _probe.agrees(whole, backbone, wide, vocabulary(backbone)):
        raise ValueError(
            f"{name} must compute its head on the states of {type(backbone).__name__} "
            "and nothing else, got other logits"
        )
    context = context_of(backbone.config)
    return _model(backbone, hf.forms(backbone)[0], context.length, context.shortened), wide


def find_backbone(source: Any, format: Format) -> PreTrainedModel:
    """Returns the model of transformers below the head of `source`.

    Raises:
        ValueError: there is none, or it is `source` itself, which then has no head.
    """
    prefix = getattr(source, "base_model_prefix", "")
    for name in (prefix, *BACKBONES):
        inner = getattr(source, name, None) if name else None
        if isinstance(inner, PreTrainedModel) and inner is not source:
            # Below a value head stands a whole language model.
            return inner.base_model if inner.can_generate() else inner
    find_head(source, format)
    raise ValueError(
        f"model: {type(source).__name__} must hold a transformers model "
        f"named one of {', '.join(BACKBONES)}, got none"
    )


def vocabulary(backbone: PreTrainedModel) -> int:
    """Returns how many ids a model has embeddings for.

    Raises:
        ValueError: it has no single table of embeddings.
    """
    found = hf.vocabulary(backbone)
    if found is None:
        raise ValueError(
            f"model: {type(backbone).__name__} must have one table of token embeddings, got none"
        )
    return found


def _unwrapped(source: Any) -> nn.Module:
    module: object = unwrapped(source) if is_wrapped(source) else source
    if not isinstance(module, nn.Module):
        raise TypeError(
            "model must be a folder, a hub id or a model with a head, "
            f"got an object of type {type(source).__name__}"
        )
    if module is not source:
        check_adapters(source.eval(), module)
    return module


def _encoder(whole: nn.Module, format: Format) -> Model:
    """Returns a classifier on a bidirectional model, which is called whole."""
    name = f"model: {type(whole).__name__}"
    named = any(hasattr(whole, head) for head in NAMES[format.head])
    if not isinstance(whole, PreTrainedModel) or not named:
        find_head(whole, format)
        raise ValueError(f"{name} must be a classifier of transformers, got another object")
    if format.head == "value":
        raise ValueError(f"{name} must be a decoder below a value head, got an encoder")
    logits = _probe.states(whole, torch.ones(1, 2, dtype=torch.long, device=hf.device(whole)))
    if logits.dim() != (2 if format.head == "sequence" else 3):
        raise ValueError(
            f"{name} must be a classifier of {format.head} for the format {format.name!r}, "
            f"got logits of shape {list(logits.shape)} for two tokens"
        )
    check_columns(name, format, logits.shape[-1])
    return _model(whole, WITHOUT_CACHE, _positions(whole))


def _positions(whole: PreTrainedModel) -> int:
    """Returns how many tokens an encoder reads; RoBERTa's positions begin behind its padding id."""
    positions = hf.positions(whole.config) or UNBOUNDED
    table = getattr(getattr(whole.base_model, "embeddings", None), "position_embeddings", None)
    padding = getattr(table, "padding_idx", None)
    return positions if padding is None else positions - padding - 1


def _model(module: PreTrainedModel, form: hf.Form, context: int, shortened: str = "") -> Model:
    return Model(
        module=module,
        form=form,
        device=hf.device(module),
        vocabulary=vocabulary(module),
        context=context,
        shortened=f"model: {type(module).__name__}: {shortened}" if shortened else "",
        eos=frozenset(),
    )
