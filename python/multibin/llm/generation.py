"""What a model's generation config asks of `generate` of transformers and is not done here."""

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
"""Fields that change greedy text, and the value beside None at which they do not."""


def unapplied(config: object) -> dict[str, object]:
    """The fields of a generation config, None where a model has none, that change greedy text."""
    values = {name: getattr(config, name, None) for name in NEUTRAL}
    return {name: value for name, value in values.items() if not _neutral(name, value)}


def _neutral(name: str, value: object) -> bool:
    value = value.tolist() if hasattr(value, "tolist") else value
    empty = isinstance(value, list | tuple | dict) and not value
    return value is None or empty or value == NEUTRAL[name]


def warn_unapplied(config: object) -> None:
    """One UserWarning, at the caller's caller, that names them."""
    if fields := unapplied(config):
        shown = ", ".join(f"{name}={value!r:.40}" for name, value in fields.items())
        warnings.warn(
            f"the model's generation_config has {shown}, which is not applied: greedy text differs "
            "from that of transformers",
            UserWarning,
            stacklevel=3,
        )
