"""Decoding that cannot fail, and properties of single tokens."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence

from multibin.llm._load.tokenizers import Tokenizer

KEEP = 8
"""The fewest tokens of a shortened window.

Four tokens can form one character, and four more one contraction (`do n ' t`). Later tokens change
no text further back.
"""

CAREFUL = 64
"""The length in tokens from which a window may also begin at a token that is no word."""

BYTE = re.compile(r"<0x[0-9A-Fa-f]{2}>")
"""A byte-fallback piece.

The tokenizers library decodes a run of them together. One byte that is not UTF-8 turns the whole
run into replacement characters.
"""

SPACES = ("▁", "Ġ", " ", "<0x20>")
"""Spellings of a space at the beginning of a piece."""


class Pieces:
    """One tokenizer, with special tokens left out of its text or kept."""

    def __init__(self, tokenizer: Tokenizer, *, special_tokens: bool) -> None:
        self._decode: Callable[..., object] = tokenizer.decode
        self._piece: Callable[[int], object] | None
        self._piece = getattr(tokenizer, "convert_ids_to_tokens", None)
        self._special_tokens = special_tokens
        self._special: dict[int, str] = {}
        self.failure = ""
        """Why the last failed decoding failed."""

    def text(self, tokens: list[int]) -> str | None:
        """Returns the text of `tokens`, or None if the tokenizer raises or returns no string."""
        return self._text(tokens, skip=not self._special_tokens)

    def special(self, token: int) -> str:
        """Returns the text of a special token, "" for any other token."""
        if token not in self._special:
            skipped = self._text([token], skip=True) == ""
            kept = self._text([token], skip=False) if skipped else None
            self._special[token] = kept or ""
        return self._special[token]

    def silent(self, token: int) -> bool:
        """Returns whether the tokenizer drops the token before it decodes the others."""
        if not self._special_tokens and self.special(token):
            return True
        return self.piece(token) is None

    def piece(self, token: int) -> str | None:
        """Returns the token as the vocabulary writes it.

        "" means unknown, and None that the vocabulary lacks the token.
        """
        if self._piece is None:
            return ""
        try:
            piece = self._piece(token)
        except MemoryError:
            raise
        except Exception:
            return ""
        return piece if piece is None or isinstance(piece, str) else ""

    def begins_with_space(self, token: int) -> bool | None:
        """Returns whether a space before the token's text is the token's own.

        None: the token shows no text. Sentencepiece and byte-level BPE write the space in the
        piece. WordPiece, `</w>` and tokenizers of whole words put it between two tokens, and no
        piece has it. Where pieces are unknown, a space counts as the token's.
        """
        piece = self.piece(token)
        text = self.text([token]) or ""
        if text.startswith(" ") or (piece or "").startswith(SPACES):
            return True
        # Half a character decides nothing.
        return not piece if text.strip("\ufffd") else None

    def shortened(self, tokens: list[int]) -> tuple[list[int], str] | None:
        """Returns the last tokens, at least `KEEP`, and their text; None where no cut is safe.

        Later tokens change this text and the text of all `tokens` in one way, except perhaps in its
        first characters.
        """
        for start in self._starts(tokens):
            if text := self.text(tokens[start:]):
                return tokens[start:], text
        return None

    def context(self, prompt: Sequence[int]) -> tuple[list[int], str]:
        """Returns the last tokens of a prompt, and their text; generated text is decoded behind."""
        tokens = list(prompt)
        if len(tokens) > 4 * KEEP:
            for size in (4 * KEEP, 2 * CAREFUL):
                if short := self.shortened(tokens[-size:]):
                    return short
            tokens = self._decodable(tokens)
            if short := self.shortened(tokens):
                return short
        if (text := self.text(tokens)) is not None:
            return tokens, text
        tokens = self._decodable(tokens)
        return tokens, self.text(tokens) or ""

    def _decodable(self, tokens: list[int]) -> list[int]:
        """Returns the tokens that decode and are visible."""
        known = {t: self.text([t]) is not None and not self.silent(t) for t in set(tokens)}
        return [token for token in tokens if known[token]]

    def _starts(self, tokens: list[int]) -> Iterator[int]:
        """Yields the positions at which a shorter window may begin, the last first."""
        for start in range(len(tokens) - KEEP, 0, -1):
            if self._is_word(tokens[start]):
                yield start
        size = KEEP
        while CAREFUL <= len(tokens) > size:
            if not self._is_byte(tokens[-size]):
                yield len(tokens) - size
            size *= 2

    def _is_byte(self, token: int) -> bool:
        return BYTE.fullmatch(self.piece(token) or "") is not None

    def _is_word(self, token: int) -> bool:
        """Returns whether the token's text begins with a letter or digit, spaces aside."""
        return (self.text([token]) or "").lstrip()[:1].isalnum() and not self._is_byte(token)

    def _text(self, tokens: list[int], *, skip: bool) -> str | None:
        try:
            text = self._decode(tokens, skip_special_tokens=skip)
        except MemoryError:
            raise
        except Exception as error:
            self.failure = f"raises {type(error).__name__}: {str(error)[:80]}"
            return None
        if not isinstance(text, str):
            self.failure = f"returns {text!r:.80}, which is no string"
            return None
        return text
