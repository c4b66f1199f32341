"""Text that is shown while a request runs: what was shown is never taken back."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from multibin.llm._engine.detokenize import REPLACEMENT, Detokenizer
from multibin.llm._load.tokenizers import Tokenizer

CONTRACTIONS = (" .", " ?", " !", " ,", " ' ", " n't", " n ' t", " 'm", " 's", " 've", " 're")
"""Endings from which some tokenizers remove spaces once they are complete."""


class TextStream:
    """The text of a running request, as far as later tokens cannot change it.

    Three kinds of text are held back until later tokens decide, or the request ends. The first is
    part of a character. The second is the beginning of a stop string. The third is a space that the
    tokenizer may remove, as in `do n ' t`.

    A tokenizer may still change text that was shown: one byte that is not UTF-8 turns a run of
    byte-fallback tokens into U+FFFD. What follows is then shown behind the old text.
    """

    def __init__(
        self,
        tokenizer: Tokenizer,
        prompt: Sequence[int],
        stops: Sequence[str] = (),
        *,
        special_tokens: bool = False,
    ) -> None:
        self._decoded = Detokenizer(tokenizer, prompt, special_tokens=special_tokens)
        self._stops = stops
        self._longest = max(map(len, stops), default=0)
        self._specials = not special_tokens and bool(stops)
        # Special tokens: where a stop string that they are part of may begin, and where they are.
        self._marks: list[tuple[int, int]] = []
        self._tokens = 0
        self._seen = ""

    @property
    def tokens(self) -> int:
        """Returns the number of tokens taken."""
        return self._tokens

    @property
    def text(self) -> str:
        """Returns the text that was shown."""
        return self._seen

    def push(self, tokens: Iterable[int]) -> str:
        """Takes the next tokens and returns the text to show next, "" for none."""
        for token in tokens:
            self._tokens += 1
            self._decoded.push(token)
            if self._specials and self._decoded.special(token):
                # A stop string may begin before the special token and end behind it.
                begins = len(self._settled())
                self._marks.append((begins, len(self._decoded.text)))
        return self._show(self._settled())

    def finish(self, text: str) -> str:
        """Returns what is left to show of the text of the request that ended."""
        return self._show(text)

    def _settled(self) -> str:
        """Returns the text without what later tokens may change or cut."""
        whole = self._decoded.text
        text = whole.rstrip(REPLACEMENT)
        text = _without_beginning(text, CONTRACTIONS)
        text = _without_beginning(text, self._stops)
        self._marks = [mark for mark in self._marks if len(whole) - mark[1] < self._longest]
        return text[: self._marks[0][0]] if self._marks else text

    def _show(self, text: str) -> str:
        if self._seen.startswith(text):
            return ""
        shown = len(self._seen) if text.startswith(self._seen) else _shared(self._seen, text)
        self._seen = text
        return text[shown:]


def _without_beginning(text: str, strings: Sequence[str]) -> str:
    """Returns `text` without the longest ending that is the beginning of one of the strings."""
    held = 0
    for string in strings:
        for length in range(min(len(string) - 1, len(text)), held, -1):
            if text.endswith(string[:length]):
                held = length
                break
    return text[: len(text) - held]


def _shared(one: str, other: str) -> int:
    """Returns the length of the longest common prefix."""
    pairs = enumerate(zip(one, other, strict=False))
    return next((i for i, (a, b) in pairs if a != b), min(len(one), len(other)))
