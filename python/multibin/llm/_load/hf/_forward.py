"""How the forward pass of a model is called, and what it returns."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from inspect import Parameter, signature
from typing import Any

import torch
from torch import Tensor
from transformers import PreTrainedModel

from multibin.llm._load.generation_config import NEUTRAL

CACHE_ARGUMENTS = ("past_key_values", "cache", "cache_params")
"""Names of the argument of `forward` that takes the cache; the first that a model has is used.

Transformers 5.24 renamed them to `cache`; earlier, recurrent models had the last. In earlier
versions XLM has a `cache` with another meaning.
"""


@dataclass(frozen=True)
class Form:
    """How `forward` is called: the name of its cache argument, and which passes get positions."""

    cache: str
    prefill_positions: bool
    decode_positions: bool


def forms(model: PreTrainedModel) -> list[Form]:
    """Returns the forms in which `model` may be called, in the order of their trials.

    Positions go to each model that names them, as in `generate`. A model that takes further keyword
    arguments may hand positions on.
    """
    cache = cache_argument(_forward(model))
    if cache is None:
        return []
    if takes_positions(model):
        return [Form(cache, True, True), Form(cache, False, True)]
    several = signature(_forward(model)).parameters.values()
    handed_on = any(parameter.kind is Parameter.VAR_KEYWORD for parameter in several)
    return [Form(cache, False, False), *([Form(cache, True, True)] if handed_on else [])]


def logits(
    model: PreTrainedModel,
    form: Form,
    ids: Tensor,
    cache: object,
    positions: Tensor | None = None,
    mask: Tensor | None = None,
) -> Tensor:
    """Feeds ids [rows, width] behind what `cache` holds, and returns logits [rows, width, vocab].

    Without a mask, attention is causal over all that is cached.
    """
    extra: dict[str, Any] = {} if positions is None else {"position_ids": positions}
    extra[form.cache] = cache
    output = model(input_ids=ids, attention_mask=mask, use_cache=True, **extra)
    return output[0]  # type: ignore[no-any-return]


def logits_alone(
    model: PreTrainedModel, ids: Tensor, mask: Tensor | None = None, **more: Tensor
) -> Tensor:
    """Feeds ids [rows, width] without a cache, and returns logits [rows, width, vocab].

    Args:
        model: called.
        ids: the tokens, padded on the right.
        mask: 1 for a token, 0 for padding, [rows, width]; None: there is no padding.
        more: other arguments of `forward`, such as `token_type_ids`.
    """
    extra: dict[str, Any] = dict(more)
    if takes_positions(model):
        extra["position_ids"] = arange(ids)
    if cache_argument(_forward(model)) is not None:
        extra["use_cache"] = False
    mask = torch.ones_like(ids) if mask is None else mask
    output = model(input_ids=ids, attention_mask=mask, **extra)
    return output[0]  # type: ignore[no-any-return]


def next_logits(model: PreTrainedModel, ids: Tensor) -> Tensor:
    """Returns the logits behind ids [1, width] that `generate` computes, [vocab].

    Models may prepare their inputs for `generate` in their own way. Where `generate` fails, the
    logits are those of `forward`.
    """
    try:
        output = model.generate(
            ids,
            attention_mask=torch.ones_like(ids),
            max_new_tokens=1,
            do_sample=False,
            use_cache=False,
            pad_token_id=0,
            return_dict_in_generate=True,
            output_logits=True,
            # Both lengths at once are a warning.
            **{name: value for name, value in NEUTRAL.items() if name != "min_length"},
            repetition_penalty=1,
        )
    except Exception:
        return logits_alone(model, ids)[0, -1]
    return output.logits[0][0]  # type: ignore[no-any-return]


def arange(ids: Tensor) -> Tensor:
    """Returns positions 0, 1, … for ids [rows, width]."""
    # Contiguous: some models view it as one row.
    return torch.arange(ids.shape[1], device=ids.device).repeat(ids.shape[0], 1)


def takes_positions(model: PreTrainedModel) -> bool:
    """Returns whether `model` names `position_ids`; `generate` then passes them."""
    return "position_ids" in signature(_forward(model)).parameters


def _forward(model: PreTrainedModel) -> Callable[..., Any]:
    """Returns the `forward` that names its arguments: the model's or, if wrapped, its class's."""
    own: Callable[..., Any] = model.forward
    return own if cache_argument(own) else type(model).forward


def cache_argument(forward: Callable[..., Any]) -> str | None:
    """Returns the name under which `forward` takes its cache, None if it takes none."""
    parameters = signature(forward).parameters
    return next((name for name in CACHE_ARGUMENTS if name in parameters), None)
