"""Encodes the pieces of a text one by one, so that no token crosses from one into the next."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from multibin._args import sentence
from multibin.llm._load.tokenizers import takes
from multibin.reward._formats._format import Encoded, Format, Mark, Pair, Piece, Text

PROBE = "a"
"""A text that shows which special tokens are added."""

BEFORE = ("\n", ".", "a")
"""Texts that stand before one that continues another; the first that does not merge with it."""


def by_pieces(format: Format, tokenizer: Any, pieces: Sequence[Piece]) -> Encoded:
    """Returns the ids of the pieces, each encoded alone, and the tokens read.

    Raises:
        TypeError: special tokens cannot be left out of what the tokenizer returns.
        ValueError: a mark or the text before it encodes to nothing.
    """
    lead, trail = special_ids(tokenizer) if format.special_tokens else ([], [])
    ids: list[int] = [] if _begins(pieces, lead) else list(lead)
    ends: list[int] = []
    stop = len(ids)
    known = _alone(tokenizer, pieces) if format.is_split else {}
    for piece in pieces:
        text = _text(piece)
        found = _ids(tokenizer, text, known, alone=format.is_split or len(ids) == len(lead))
        if isinstance(piece, Mark):
            _check(format, piece, found, len(ids) - stop)
            ends.append(len(ids) - 1 + (len(found) if format.read == "at" else 0))
            stop = len(ids) + len(found)
        ids += found
    return Encoded([*ids, *trail], ends)


def special_ids(tokenizer: Any) -> tuple[list[int], list[int]]:
    """Returns the special tokens that the tokenizer adds before a text and behind it."""
    whole, bare = list(tokenizer.encode(PROBE)), bare_ids(tokenizer, PROBE)
    for at in range(len(whole) - len(bare) + 1):
        if whole[at : at + len(bare)] == bare:
            return whole[:at], whole[at + len(bare) :]
    return [], []


def bare_ids(tokenizer: Any, text: str) -> list[int]:
    """Returns the ids of a text without special tokens.

    Raises:
        TypeError: the tokenizer adds special tokens and has no argument to leave them out.
    """
    if takes(tokenizer.encode, text, add_special_tokens=False):
        return list(tokenizer.encode(text, add_special_tokens=False))
    if tokenizer.encode(""):
        rule = "an object whose encode takes add_special_tokens"
        raise TypeError(sentence("tokenizer", rule, tokenizer))
    return list(tokenizer.encode(text))


def continued_ids(tokenizer: Any, text: str) -> list[int]:
    """Returns the ids of a text inside another: without the space that may begin a text."""
    for anchor in BEFORE:
        before, whole = bare_ids(tokenizer, anchor), bare_ids(tokenizer, anchor + text)
        if whole[: len(before)] == before:
            return whole[len(before) :]
    return bare_ids(tokenizer, text)


def _begins(pieces: Sequence[Piece], lead: list[int]) -> bool:
    """Returns whether the first piece is ids that begin with the special tokens already."""
    first = pieces[0]
    return isinstance(first, list) and first[: len(lead)] == lead


def _text(piece: Piece) -> Text:
    if isinstance(piece, Pair):
        raise ValueError("a pair must be the only text of a format, got further pieces")
    return piece.text if isinstance(piece, Mark) else piece


def _alone(tokenizer: Any, pieces: Sequence[Piece]) -> dict[str, list[int]]:
    """Returns the ids of the texts among the pieces, each alone; those of marks are found once."""
    texts = list({text for piece in pieces if isinstance(text := _text(piece), str) and text})
    if not getattr(tokenizer, "is_fast", False):
        return {text: bare_ids(tokenizer, text) for text in texts}
    return dict(zip(texts, tokenizer(texts, add_special_tokens=False)["input_ids"], strict=True))


def _ids(tokenizer: Any, text: Text, known: dict[str, list[int]], *, alone: bool) -> list[int]:
    if not isinstance(text, str):
        return list(text)
    if text in known or not text:
        return known.get(text, [])
    return bare_ids(tokenizer, text) if alone else continued_ids(tokenizer, text)


def _check(format: Format, mark: Mark, ids: list[int], before: int) -> None:
    name = f"the mark {mark.text!r} of the format {format.name!r}"
    if mark.text and not ids:
        raise ValueError(f"{name} must have at least one token of the tokenizer, got none")
    if not before:
        raise ValueError(f"the text before {name} must have at least one token, got none")
