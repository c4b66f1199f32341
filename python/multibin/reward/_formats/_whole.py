"""Encodes the pieces of a text at once, and finds tokens by the characters that they cover."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from multibin.reward._formats._format import Encoded, Format, Mark, Pair, Piece


def as_whole(format: Format, tokenizer: Any, pieces: Sequence[Piece]) -> Encoded | None:
    """Returns the ids of the joined pieces and the tokens read, or None.

    The result is None where a token crosses the place of a value, a piece is ids, or the tokenizer
    has no offsets. It is None too for formats whose pieces are encoded one by one.
    """
    if format.is_split or not getattr(tokenizer, "is_fast", False):
        return None
    joined = _joined(pieces)
    if joined is None:
        return None
    text, marks = joined
    whole = _encoded(tokenizer, text, format.special_tokens)
    if format.head == "sequence":
        return Encoded(whole.ids, [len(whole.ids) - 1])
    ends = _ends(format, whole, marks)
    return None if ends is None else Encoded(whole.ids, ends)


@dataclass(frozen=True)
class _Whole:
    """A text, its ids, and the characters that they cover."""

    tokenizer: Any
    text: str
    ids: list[int]
    lead: int
    """Special tokens before the text."""
    starts: list[int]
    """Of the tokens of the text, in characters; the special tokens around it have none."""
    stops: list[int]

    def last_before(self, place: int) -> int | None:
        """Returns the token that ends at a character, None if a token crosses it.

        Tokenizers may leave spaces out of the characters of a token. Beside such a gap the text
        before is encoded alone, and must give the same tokens.
        """
        count = bisect_right(self.stops, place)
        met = count > 0 and self.stops[count - 1] == place
        following = self.starts[count] if count < len(self.starts) else len(self.text)
        if met and following == place:
            return self.lead + count - 1
        if count < len(self.starts) and self.starts[count] < place:
            return None
        alone = self.tokenizer(self.text[:place], add_special_tokens=False)["input_ids"]
        same = alone and alone == self.ids[self.lead : self.lead + len(alone)]
        return self.lead + len(alone) - 1 if same else None


def _joined(pieces: Sequence[Piece]) -> tuple[str, list[tuple[int, int]]] | None:
    """Returns the text and the characters [start, stop) of its marks, None if a piece is ids."""
    texts: list[str] = []
    marks: list[tuple[int, int]] = []
    length = 0
    for piece in pieces:
        text = piece.text if isinstance(piece, Mark) else piece
        if not isinstance(text, str) or isinstance(piece, Pair):
            return None
        if isinstance(piece, Mark):
            marks.append((length, length + len(text)))
        texts.append(text)
        length += len(text)
    return "".join(texts), marks


def _encoded(tokenizer: Any, text: str, special_tokens: bool) -> _Whole:
    found = tokenizer(
        text,
        add_special_tokens=special_tokens,
        return_offsets_mapping=True,
        return_special_tokens_mask=True,
    )
    mask = found["special_tokens_mask"]
    lead = next((at for at, special in enumerate(mask) if not special), len(mask))
    trail = next((at for at, special in enumerate(reversed(mask)) if not special), 0)
    spans = found["offset_mapping"][lead : len(mask) - trail]
    starts, stops = [start for start, _ in spans], [stop for _, stop in spans]
    return _Whole(tokenizer, text, list(found["input_ids"]), lead, starts, stops)


def _ends(format: Format, whole: _Whole, marks: Sequence[tuple[int, int]]) -> list[int] | None:
    """Returns the tokens read, None if one of them is crossed by the place of its value."""
    if format.read == "before":
        found = [_before(whole, start) for start, _ in marks]
    else:
        stops = [0, *(stop for _, stop in marks)]
        found = [_at(whole, mark, last) for mark, last in zip(marks, stops, strict=False)]
    ends = [end for end in found if end is not None]
    return ends if len(ends) == len(marks) else None


def _at(whole: _Whole, mark: tuple[int, int], last: int) -> int | None:
    """Returns the last token of a mark, None if it or the text from `last` to it has no token."""
    start, stop = mark
    end = whole.last_before(stop)
    if end is None or (start < stop and whole.stops[end - whole.lead] < stop):
        return None
    first = bisect_right(whole.stops, last)
    return end if start == stop or whole.starts[first] < start else None


def _before(whole: _Whole, start: int) -> int | None:
    """Returns the token before a mark; spaces before the mark may be in its first token."""
    end = whole.last_before(start)
    return whole.last_before(len(whole.text[:start].rstrip())) if end is None else end
