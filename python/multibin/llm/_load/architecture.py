"""Which models the engine can run, decided from class and config before weights are read.

The names of the config's fields are in ``hf``.
"""

from __future__ import annotations

from typing import NamedTuple

from transformers import PreTrainedConfig, PreTrainedModel

from multibin.llm._load import hf

UNBOUNDED = 2**31 - 1
"""The context of a model without a number of positions (ALiBi)."""


def check_class(model_class: type[PreTrainedModel]) -> None:
    """Refuses a class without a language-model head.

    Raises:
        ValueError: a headless model or a classifier.
    """
    if not model_class.can_generate():
        raise ValueError(
            f"model: {model_class.__name__} generates no text: it has no language-model head"
        )


def check_config(
    config: PreTrainedConfig, model_class: type[PreTrainedModel] | None = None
) -> None:
    """Refuses a config whose state the KV cache cannot hold; needs no weights.

    Args:
        config: of the model.
        model_class: of the model, if it exists; None: the class that transformers builds for the
            config.

    Raises:
        ValueError: an encoder-decoder, a layer that is not attention over keys and values (named),
            recurrent state, or no causal language model at all.
    """
    name = f"model: {type(config).__name__.removesuffix('Config')}"
    if hf.is_encoder_decoder(config):
        raise ValueError(f"{name} is an encoder-decoder; only decoders are supported")
    model_class = model_class or hf.causal_class(config)
    if model_class is None:
        raise ValueError(f"{name} has no causal language model in transformers")
    stateful = hf.is_stateful(model_class)
    for index, layer in enumerate(_layers(name, config)):
        known = layer.kind in (hf.FULL, hf.EMPTY) or layer.has_state or layer.is_windowed
        if not known and layer.kind != hf.LOCAL:
            state = ", recurrent state" if stateful else ""
            raise ValueError(
                f"{name} has {layer.kind} layers (layer {index}{state}); "
                "only attention over cached keys and values is supported"
            )
    if stateful and not hf.declares_layers(config):
        raise ValueError(f"{name} keeps recurrent state; only attention is supported")
    if hf.cache_argument(model_class.forward) is None:
        names = " nor ".join(hf.CACHE_ARGUMENTS)
        raise ValueError(
            f"{name} keeps no cache of keys and values: "
            f"{model_class.__name__}.forward names neither {names}"
        )


def _layers(name: str, config: PreTrainedConfig) -> list[hf.Layer]:
    try:
        return hf.layers(config)
    except Exception as error:
        # Transformers itself cannot cache this config; the type of the error depends on the family.
        message = f"{name} has layers of which transformers makes no cache: {error}"
        raise ValueError(message.splitlines()[0]) from error


class Context(NamedTuple):
    """The most positions that a model can be fed, and why it is fewer than its config says."""

    length: int
    shortened: str = ""


def context_of(config: PreTrainedConfig, *, windows: bool = True) -> Context:
    """Returns the least of the config's positions, its windows, and LongRoPE's original length.

    Within its window, sliding and chunked attention is full attention. Below its original length,
    LongRoPE has one set of frequencies, whatever the other rows of a batch.

    Args:
        config: of the model.
        windows: whether windows count that the engine's attention computes.

    Raises:
        ValueError: the result is below 1.
    """
    whole = hf.positions(config) or UNBOUNDED
    least = Context(whole)
    for index, layer in enumerate(hf.layers(config)):
        counts = windows or not layer.is_windowed
        if counts and layer.window is not None and layer.window < least.length:
            least = Context(layer.window, f"layer {index} is {layer.kind} over {layer.window}")
    original = hf.longrope(config)
    if original is not None and original < least.length:
        least = Context(original, f"LongRoPE changes all rows beyond {original}")
    if least.length < 1:
        raise ValueError(
            f"model: {type(config).__name__.removesuffix('Config')} has a context of "
            f"{least.length} tokens, by its config: {least.shortened or 'its positions'}"
        )
    if not least.shortened:
        return least
    limit = "unbounded" if whole == UNBOUNDED else str(whole)
    return Context(
        least.length, f"the context is {least.length} tokens, not {limit}: {least.shortened}"
    )
