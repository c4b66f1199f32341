"""Examples as token ids, with the positions and the labels of what is trained on."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from multibin._args import Ints, sentence
from multibin.reward._formats import Format, encode, split
from multibin.reward.train._examples import Example
from multibin.reward.train._settings import Settings

__all__ = ["Row", "Rows", "rows_of"]


@dataclass(frozen=True)
class Row:
    """One example as the model reads it; steps without a label are read, but have no entry."""

    ids: NDArray[np.int32]
    ends: Ints
    """Positions in `ids` whose logits are read, ascending, [labels]."""
    labels: Ints
    """1 for a good step, 0 for a bad one, [labels]."""


@dataclass(frozen=True)
class Rows:
    """All rows of a data set, and how many examples were left out."""

    kept: list[Row]
    too_long: int
    unlabelled: int

    @property
    def digest(self) -> str:
        """The SHA-256 of the rows, in hexadecimal."""
        found = hashlib.sha256()
        for row in self.kept:
            for part in (row.ids, row.ends, row.labels):
                found.update(len(part).to_bytes(8, "little") + part.tobytes())
        return found.hexdigest()


def rows_of(
    name: str,
    examples: Sequence[Example],
    format: Format,
    tokenizer: Any,
    settings: Settings,
    longest: int | None,
) -> Rows:
    """Returns the rows of `examples`; the long ones and those without a label are left out.

    Args:
        name: of the examples in messages.
        longest: the most tokens of a row, None for no limit.

    Raises:
        ValueError: no row remains, or an example does not fit the format.
    """
    kept, too_long, unlabelled = [], 0, 0
    for place, example in enumerate(examples):
        example = _labelled(example, format, settings)
        if all(label is None for label in example.labels):
            unlabelled += 1
            continue
        row = _row(f"{name}[{place}]", example, format, tokenizer)
        if longest is not None and len(row.ids) > longest:
            too_long += 1
        else:
            kept.append(row)
    if not kept:
        raise ValueError(
            f"{name} must have a labelled step within {longest} tokens, got {too_long} that are "
            f"longer and {unlabelled} without a label"
        )
    return Rows(kept, too_long, unlabelled)


def _labelled(example: Example, format: Format, settings: Settings) -> Example:
    """Returns the example with the steps and labels that the settings choose."""
    if not settings.outcome:
        return example.until_first_error() if settings.first_error else example
    if format.separator is None:
        # The format reads an answer whole.
        return Example(example.question, split(format, example.steps), example.labels[-1:])
    return example.outcome()


def _row(name: str, example: Example, format: Format, tokenizer: Any) -> Row:
    if format.separator is None and len(example.steps) > 1:
        rule = f"1 for {format.name} without outcome=True"
        raise ValueError(sentence(f"{name}: number of steps", rule, len(example.steps)))
    try:
        encoded = encode(format, tokenizer, example.question, example.steps)
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from None
    pairs = [
        (end, int(label))
        for end, label in zip(encoded.ends, example.labels, strict=True)
        if label is not None
    ]
    ends, labels = np.array(pairs, dtype=np.int64).T
    # A causal model reads nothing behind the last label.
    width = int(ends[-1]) + 1 if format.is_causal else len(encoded.ids)
    return Row(np.array(encoded.ids[:width], dtype=np.int32), ends.copy(), labels.copy())
