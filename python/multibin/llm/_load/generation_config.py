"""Fields of a generation config that change greedy text and that the engine does not apply."""

from __future__ import annotations

import warnings
from collections.abc import Mapping

NEUTRAL: Mapping[str, object] = {
    "bad_words_ids": None,
    "begin_suppress_tokens": None,
    "encoder_no_repeat_ngram_size": 0,
    "encoder_repetition_penalty": 1,
    "exponential_decay_length_penalty": None,
    "forced_bos_token_id": None,
    "forced_eos_token_id": None,
    "guidance_scale": 1,
    "max_time": None,
    "min_length": 0,
    "min_new_tokens": 0,
    "no_repeat_ngram_size": 0,
    "num_beams": 1,
    "remove_invalid_values": False,
    "repetition_penalty": 1,
    "sequence_bias": None,
    "stop_strings": None,
    "suppress_tokens": None,
    "token_healing": False,
    "watermarking_config": None,
}
"""Fields that change greedy text, and the neutral value of each; None is neutral too."""


def unapplied_fields(config: object) -> dict[str, object]:
    """Returns the fields of a generation config that change greedy text, with their values.

    A model without a generation config, None, has no such fields.
    """
    values = {name: getattr(config, name, None) for name in NEUTRAL}
    return {name: value for name, value in values.items() if not _neutral(name, value)}


def _neutral(name: str, value: object) -> bool:
    value = value.tolist() if hasattr(value, "tolist") else value
    empty = isinstance(value, list | tuple | dict) and not value
    return value is None or empty or value == NEUTRAL[name]


def warn_unapplied(config: object) -> None:
    """Warns, at the caller's caller, of all fields that change greedy text: one UserWarning."""
    if fields := unapplied_fields(config):
        shown = ", ".join(f"{name}={value!r:.40}" for name, value in fields.items())
        warnings.warn(
            f"the model's generation_config has {shown}, which is not applied: greedy text differs "
            "from that of transformers",
            UserWarning,
            stacklevel=3,
        )
