"""Stop strings, found in the text while its tokens arrive."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from multibin.llm.tokenizers import Tokenizer

PENDING = 16
"""Tokens that may wait for the rest of a character."""

LONGEST_CHARACTER = 4
"""Bytes of UTF-8."""


class Stop(NamedTuple):
    """A stop string that appeared: the text before it, and the string."""

    text: str
    string: str


class StopFinder:
    """Looks for stop strings in a request's text, token by token.

    A stop string may span tokens and a character may span tokens; each token costs the decoding of
    the last few, not of all.
    """

    def __init__(self, tokenizer: Tokenizer, strings: Sequence[str]) -> None:
        self._tokenizer = tokenizer
        self._strings = strings
        self._overlap = max(map(len, strings)) - 1
        self._text = ""
        # Ids from _context to _read were decoded with what followed them and are in _text; they
        # are decoded again as context, since a tokenizer may treat the first token apart.
        self._context = 0
        self._read = 0

    def push(self, tokens: list[int]) -> Stop | None:
        """Takes the tokens so far, one more than last time; the first stop string, if any."""
        known = self._decode(tokens[self._context : self._read])
        window = self._decode(tokens[self._context :])
        start = max(0, len(self._text) - self._overlap)
        text = self._text + window[len(known) :]
        # A replacement character at the end may be a character whose last bytes are still to come.
        if len(window) > len(known) and not window.endswith("\ufffd"):
            self._keep(text, len(tokens))
        elif len(tokens) - self._read > PENDING:
            self._keep_begun(tokens, known, window)
        return self._find(text, start)

    def _keep(self, text: str, read: int) -> None:
        self._text, self._context, self._read = text, self._read, read

    def _keep_begun(self, tokens: list[int], known: str, window: str) -> None:
        """Keeps bytes that complete no character, once so much follows that they never will."""
        read = len(tokens) - PENDING // 2
        begun = self._decode(tokens[self._context : read])
        new = len(window) - len(begun)
        if len(begun) > len(known) and new >= LONGEST_CHARACTER and window.startswith(begun):
            self._keep(self._text + begun[len(known) :], read)

    def _find(self, text: str, start: int) -> Stop | None:
        found = [(text.find(string, start), string) for string in self._strings]
        hits = [hit for hit in found if hit[0] >= 0]
        if not hits:
            return None
        position, string = min(hits, key=lambda hit: hit[0])
        return Stop(text[:position], string)

    def _decode(self, tokens: list[int]) -> str:
        return self._tokenizer.decode(tokens, skip_special_tokens=True)
