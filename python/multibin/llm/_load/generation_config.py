"""What the engine takes from a model's generation config, and what it does not apply."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import Any

from multibin.llm._params import SamplingParams

APPLIED: Mapping[str, str] = {
    "repetition_penalty": "repetition_penalty",
    "temperature": "temperature",
    "top_k": "top_k",
    "top_p": "top_p",
    "min_p": "min_p",
    "max_new_tokens": "max_tokens",
}
"""Fields that are parameters of calls that give none, as in vLLM, and their names there."""

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
    "sequence_bias": None,
    "stop_strings": None,
    "suppress_tokens": None,
    "token_healing": False,
    "watermarking_config": None,
}
"""Fields that change greedy text and are not applied, and the neutral value of each.

None is neutral too.
"""


def default_sampling_params(config: object) -> SamplingParams:
    """Returns the parameters of calls that give none: those of a generation config, as in vLLM.

    `do_sample` does not count. Values that `SamplingParams` refuses are left out. A model without a
    generation config, None, gives the defaults.
    """
    chosen = {name: getattr(config, field, None) for field, name in APPLIED.items()}
    return SamplingParams(**{n: v for n, v in chosen.items() if v is not None and _good(n, v)})


def _good(name: str, value: Any) -> bool:
    try:
        SamplingParams(**{name: value})
    except (TypeError, ValueError):
        return False
    return True


def unapplied_fields(config: object) -> dict[str, object]:
    """Returns the fields of a generation config that are not applied, with their values.

    They change greedy text, or have a value that `SamplingParams` refuses. A model without a
    generation config, None, has no such fields.
    """
    values = {name: getattr(config, name, None) for name in (*NEUTRAL, *APPLIED)}
    return {name: value for name, value in values.items() if not _neutral(name, value)}


def _neutral(name: str, value: object) -> bool:
    value = value.tolist() if hasattr(value, "tolist") else value
    if name in APPLIED:
        return value is None or _good(APPLIED[name], value)
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
