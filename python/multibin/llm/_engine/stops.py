"""Finds stop strings in a text while its tokens arrive."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from typing import NamedTuple

from multibin.llm._engine.detokenize import Detokenizer
from multibin.llm._load.tokenizers import Tokenizer


class Stop(NamedTuple):
    """A stop string that appeared: the text before it, and the string."""

    text: str
    string: str


class StopFinder:
    """Looks for stop strings in a request's text, token by token.

    A stop string may span tokens, and a character may too. A stop string may also contain special
    tokens, which the text leaves out. Once a special token arrives that may be part of a stop
    string, the finder also keeps and searches the text with special tokens.
    """

    def __init__(
        self,
        tokenizer: Tokenizer,
        strings: Sequence[str],
        prompt: Sequence[int] = (),
        *,
        special_tokens: bool = False,
    ) -> None:
        self._tokenizer = tokenizer
        self._prompt = prompt
        self._strings = strings
        self._overlap = max(map(len, strings)) - 1
        self._special_tokens = special_tokens
        self._shown = Detokenizer(tokenizer, prompt, special_tokens=special_tokens)
        # The text with special tokens, and the stop strings that special tokens may be part of.
        self._full: Detokenizer | None = None
        self._mixed: list[str] = []
        # Lengths of the full text and of the shown text, a pair after each token.
        self._lengths: list[tuple[int, int]] = []

    @property
    def text(self) -> str:
        """Returns the text so far, without special tokens unless they are asked for."""
        return self._shown.text

    def push(self, tokens: Sequence[int]) -> Stop | None:
        """Takes the tokens so far, one more than last time, and returns the first stop, if any."""
        token = tokens[-1]
        before = self.text
        changed = self._shown.push(token)
        text = self.text
        hits = self._hits(text, changed, self._strings)
        if not self._special_tokens and text == before:
            self._mix(self._shown.special(token))
        if self._mixed:
            hits += self._full_hits(tokens, changed, len(before))
        if not hits:
            return None
        position, string = min(hits, key=lambda hit: (hit[0], self._strings.index(hit[1])))
        return Stop(text[:position], string)

    def _hits(self, text: str, changed: int, strings: Sequence[str]) -> list[tuple[int, str]]:
        """Returns the strings in `text` that end behind `changed`, each with its position."""
        start = max(0, changed - self._overlap)
        found = [(text.find(string, start), string) for string in strings]
        return [hit for hit in found if hit[0] >= 0]

    def _mix(self, special: str) -> None:
        """Adds the stop strings that a special token may be part of; "" is no special token."""
        if special:
            self._mixed += [s for s in self._strings if s not in self._mixed and _meet(s, special)]

    def _full_hits(self, tokens: Sequence[int], changed: int, before: int) -> list[tuple[int, str]]:
        """Adds the next token to the full text, and returns the hits there.

        Their positions are those of the shown text.
        """
        if self._full is None:
            self._full = Detokenizer(self._tokenizer, self._prompt, special_tokens=True)
            self._full.extend(tokens[:-1])
            self._lengths = [(len(self._full.text), before)]
        start = self._full.push(tokens[-1])
        while len(self._lengths) > 1 and not _within(self._lengths[-1], (start, changed)):
            self._lengths.pop()
        text = self._full.text
        self._lengths.append((len(text), len(self.text)))
        hits = self._hits(text, start, self._mixed)
        return [(self._shown_position(position), string) for position, string in hits]

    def _shown_position(self, position: int) -> int:
        """Returns the position in the shown text for a position in the full text."""
        after = bisect_right(self._lengths, position, key=lambda lengths: lengths[0])
        full, shown = self._lengths[max(0, after - 1)]
        _, end = self._lengths[min(after, len(self._lengths) - 1)]
        return max(0, min(shown + position - full, end))


def _within(lengths: tuple[int, int], changed: tuple[int, int]) -> bool:
    return lengths[0] <= changed[0] and lengths[1] <= changed[1]


def _meet(string: str, special: str) -> bool:
    """Returns whether `string` and all of `special` can overlap in a text."""
    if string in special or special in string:
        return True
    ends = range(1, min(len(string), len(special)))
    return any(string.endswith(special[:n]) or special.endswith(string[:n]) for n in ends)
