"""Formats by their names."""

from __future__ import annotations

from collections.abc import Callable

from multibin._args import sentence
from multibin.reward._formats._format import Format
from multibin.reward._formats._lines import skywork, trl
from multibin.reward._formats._math_shepherd import math_psa, math_shepherd
from multibin.reward._formats._outcome import outcome
from multibin.reward._formats._qwen_prm import qwen_prm
from multibin.reward._formats._rlhflow import rlhflow, rlhflow_mistral, rlhflow_orm
from multibin.reward._formats._verdict import verdict
from multibin.reward._formats._versaprm import versaprm

FORMATS: dict[str, Callable[[], Format]] = {
    "versaprm": versaprm,
    "math-shepherd": math_shepherd,
    "math-psa": math_psa,
    "qwen-prm": qwen_prm,
    "rlhflow": rlhflow,
    "rlhflow-mistral": rlhflow_mistral,
    "rlhflow-orm": rlhflow_orm,
    "skywork": skywork,
    "trl": trl,
    "outcome": outcome,
    "verdict": verdict,
}


def format_of(format: str | Format) -> Format:
    """Returns a format by its name, with the options that are its defaults; a `Format` as it is.

    >>> from multibin.reward._formats import format_of
    >>> format_of("versaprm").separator
    '\\n\\n'

    Raises:
        TypeError: neither a name nor a `Format`.
        ValueError: an unknown name; the message lists those that are known.
    """
    if isinstance(format, Format):
        return format
    if not isinstance(format, str):
        raise TypeError(sentence("format", "the name of a format or a Format", format))
    if format not in FORMATS:
        raise ValueError(sentence("format", f"one of {', '.join(map(repr, FORMATS))}", format))
    return FORMATS[format]()
