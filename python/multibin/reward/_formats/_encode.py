"""The token ids of a candidate, with the places of its values known from how they were made."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Any

from multibin._args import sentence
from multibin.reward._formats._format import Encoded, Format, Mark, Pair, Piece, Text
from multibin.reward._formats._pieces import by_pieces
from multibin.reward._formats._texts import checked
from multibin.reward._formats._whole import as_whole


def encode(
    format: Format,
    tokenizer: Any,
    question: Text,
    steps: Sequence[Text],
    name: str = "candidate",
) -> Encoded:
    """Returns the ids of a question and the steps of a candidate, and where values are read.

    The text is encoded at once, as reference scorers do. The ends of the steps follow from the
    characters at which their marks end. Pieces are encoded one by one where a token crosses such an
    end, where the tokenizer has no offsets, or where a piece is ids.

    >>> from multibin.llm._load.tiny import ByteTokenizer
    >>> from multibin.reward._formats import encode, format_of
    >>> encoded = encode(format_of("versaprm"), ByteTokenizer(), "1+1?", ["2", "So 2."])
    >>> len(encoded.ids), encoded.ends
    (23, [12, 22])

    Args:
        format: of the model.
        tokenizer: of the model; of transformers, or with `encode(text)`.
        question: a text or its ids.
        steps: of the candidate, each a text or its ids; at least one.
        name: of the candidate in messages.

    Raises:
        TypeError: a text that is neither a str nor ids.
        ValueError: a text that is blank or holds a reserved marker, a step or mark without tokens,
            or marks that differ in number from the steps.
    """
    question, steps = checked(format, tokenizer, question, steps, name)
    pieces = _built(format, tokenizer, question, steps)
    _check_marks(format, pieces, len(steps), name)
    if any(isinstance(piece, Pair) for piece in pieces):
        return _pair(format, tokenizer, pieces, name)
    found = as_whole(format, tokenizer, pieces) or by_pieces(format, tokenizer, pieces)
    return _read(format, found, name)


def _built(format: Format, tokenizer: Any, question: Text, steps: Sequence[Text]) -> list[Piece]:
    pieces = format.build(tokenizer, question, steps)
    if isinstance(pieces, str) or not isinstance(pieces, Iterable):
        rule = f"a list of texts and marks, as the format {format.name!r} needs"
        raise TypeError(sentence("what build returns", rule, pieces))
    return list(pieces)


def _check_marks(format: Format, pieces: Sequence[Piece], steps: int, name: str) -> None:
    marks = sum(isinstance(piece, Mark) for piece in pieces)
    if marks != steps:
        raise ValueError(
            f"{name} must have as many marks as steps in the format {format.name!r}, "
            f"got {marks} marks for {steps} steps"
        )


def _pair(format: Format, tokenizer: Any, pieces: Sequence[Piece], name: str) -> Encoded:
    if len(pieces) != 2 or not isinstance(pieces[0], Pair) or format.head != "sequence":
        raise ValueError(
            f"format {format.name!r} must have a pair as its only text, for the head 'sequence', "
            f"got {len(pieces)} pieces for the head {format.head!r}"
        )
    first, second = pieces[0].first, pieces[0].second
    for argument, text in (("question", first), (name, second)):
        if not isinstance(text, str):
            raise ValueError(sentence(argument, "a str for a pair of texts", text))
    found = tokenizer(first, second)
    ids = list(found["input_ids"])
    return Encoded(ids, [len(ids) - 1], found.get("token_type_ids"))


def _read(format: Format, found: Encoded, name: str) -> Encoded:
    """Returns what must be fed: a classifier reads all, others up to the last value."""
    if format.head == "sequence":
        return Encoded(found.ids, [len(found.ids) - 1])
    for at, (last, end) in enumerate(pairwise((-1, *found.ends))):
        if end <= last:
            raise ValueError(f"{name}[{at}] must be a step of at least one token, got none")
    ids = found.ids[: found.ends[-1] + 1] if format.is_causal else found.ids
    return Encoded(ids, found.ends)
