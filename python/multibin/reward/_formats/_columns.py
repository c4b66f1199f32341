"""The columns of the logits from which a score is computed."""

from __future__ import annotations

from typing import Any

from multibin.reward._formats._format import Format
from multibin.reward._formats._pieces import bare_ids

SPACE = "▁"
"""How SentencePiece writes a space, which it puts before a text."""


def columns(format: Format, tokenizer: Any) -> list[int]:
    """Returns the ids of the labels for the head "vocabulary", else 0, 1, … for each label.

    The vocabularies of SentencePiece have a space before each word: "+" and " +" are both `▁+`.

    >>> from multibin.llm._load.tiny import ByteTokenizer
    >>> from multibin.reward._formats import columns, format_of
    >>> columns(format_of("versaprm"), ByteTokenizer())
    [45, 43]

    Raises:
        ValueError: a label that is not one token of the tokenizer, or two that are the same one.
    """
    if format.head != "vocabulary":
        return list(range(len(format.labels)))
    found = [_column(format, tokenizer, label) for label in format.labels]
    if len(set(found)) < len(found):
        raise ValueError(
            f"labels {format.labels} of the format {format.name!r} must be different tokens, "
            f"got the ids {found}"
        )
    return found


def _column(format: Format, tokenizer: Any, label: str) -> int:
    ids = bare_ids(tokenizer, label)
    if len(ids) > 1 and label[:1] == " ":
        bare = bare_ids(tokenizer, label[1:])
        ids = bare if _begins_with_space(tokenizer, bare) else ids
    unknown = getattr(tokenizer, "unk_token_id", None)
    if len(ids) != 1 or ids[0] == unknown:
        got = "an unknown one" if ids == [unknown] else f"{len(ids)}: {ids}"
        raise ValueError(
            f"label {label!r} of the format {format.name!r} must be one token of the tokenizer, "
            f"got {got}"
        )
    return ids[0]


def _begins_with_space(tokenizer: Any, ids: list[int]) -> bool:
    names = getattr(tokenizer, "convert_ids_to_tokens", None)
    return names is not None and bool(ids) and str(names(ids[:1])[0]).startswith(SPACE)
