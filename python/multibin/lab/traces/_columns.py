"""The names of a trace's columns, and the columns as read from a file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from multibin._args import LONGEST, Floats, Ints, sentence

ARRIVAL = ("TIMESTAMP", "arrival", "arrival_time", "arrival_timestamp", "arrived_at")
PROMPT = (
    *("ContextTokens", "Request tokens", "prompt_tokens", "input_tokens", "input_length"),
    *("prompt_length", "prompt_len", "input_len", "num_prompt_tokens", "num_prefill_tokens"),
)
OUTPUT = (
    *("GeneratedTokens", "Response tokens", "output_tokens", "completion_tokens"),
    *("output_length", "output_len", "completion_length", "num_output_tokens"),
    *("num_generation_tokens", "num_decode_tokens"),
)
PREDICTED = ("predicted", "predicted_tokens", "predicted_length", "predicted_output_tokens")


@dataclass(frozen=True)
class Columns:
    """The names that a file uses; None for a column that is missing or not asked for."""

    arrival: str | None
    prompt: str
    output: str
    predicted: str | None


@dataclass(frozen=True)
class Raw:
    """Columns as read, shape ``[n]`` each, in the order of the file."""

    times: Floats | None
    """Seconds from any origin; NaN where the file's value is malformed."""
    prompt: Ints
    output: Ints
    predicted: Ints | None

    @property
    def good(self) -> bool:
        """Returns whether there are rows, all counts are in range, and all times well-formed."""
        counts = [
            array for array in (self.prompt, self.output, self.predicted) if array is not None
        ]
        return (
            len(self.prompt) > 0
            and all(0 <= array.min() <= array.max() <= LONGEST for array in counts)
            and (self.times is None or not np.isnan(self.times).any())
        )


def find(found: Sequence[str], path: Path, times: bool) -> Columns:
    """Returns the columns among those that were found.

    Raises:
        ValueError: a column of counts is missing. The message names the columns found.
    """
    return Columns(
        _first(ARRIVAL, found) if times else None,
        _needed("prompt tokens", PROMPT, found, path),
        _needed("output tokens", OUTPUT, found, path),
        _first(PREDICTED, found),
    )


def malformed(path: Path, line: int, column: str | None, value: object, what: str) -> ValueError:
    """Returns the error for one value, None if it is missing."""
    where = f"line {line} of {path}"
    name = where if column is None else f"{column} in {where}"
    if value is None:
        return ValueError(f"{name} is missing")
    return ValueError(sentence(name, what, value))


def _needed(what: str, names: Sequence[str], found: Sequence[str], path: Path) -> str:
    column = _first(names, found)
    if column is None:
        known = ", ".join(names)
        raise ValueError(f"{path} has no column of {what} ({known}), only {list(found)}")
    return column


def _first(names: Sequence[str], found: Sequence[str]) -> str | None:
    """Returns the column with the foremost of the names; case, blanks, - and _ have no effect."""
    plain = {_plain(column): column for column in reversed(found)}
    return next((plain[_plain(name)] for name in names if _plain(name) in plain), None)


def _plain(name: str) -> str:
    return name.lower().translate(str.maketrans("", "", " _-"))
