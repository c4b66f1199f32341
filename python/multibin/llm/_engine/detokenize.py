"""Incremental detokenization: keeps a request's text exact while its tokens arrive."""

from __future__ import annotations

from collections.abc import Sequence

from multibin.llm._engine.pieces import KEEP, Pieces
from multibin.llm._load.tokenizers import Tokenizer

REPLACEMENT = "\ufffd"
"""Stands for a token that does not decode."""

LONGEST_CHARACTER = 4
"""The most bytes of a character in UTF-8, and so the most tokens before one of them decodes."""


def text_after(
    tokenizer: Tokenizer,
    prompt: Sequence[int],
    tokens: Sequence[int],
    *,
    special_tokens: bool = False,
) -> str:
    """Returns the text of `tokens` behind a prompt.

    Prompt and tokens are decoded together. The text is what follows the beginning shared with
    decoding the prompt alone. It does not begin with a space that the decoder puts between two
    tokens and no token holds. So it continues the prompt's text where tokens hold their spaces
    (`Hello`, ` world`), and otherwise is the tokens' own text (`say`, `it`).

    A token for which the tokenizer raises an error or returns no string is U+FFFD. The tokens after
    it are decoded behind the tokens before it.
    """
    detokenizer = Detokenizer(tokenizer, prompt, special_tokens=special_tokens)
    detokenizer.extend(tokens)
    return detokenizer.text


class Detokenizer:
    """The text of the tokens so far, equal to `text_after` at each token.

    A tokenizer may change text that it has already given: half a character becomes a character, and
    `it ' s` becomes `it's`. So the last few tokens form a window, which is decoded with and without
    the new token. From the first difference on, the new text counts. Each token costs the decoding
    of the window.
    """

    def __init__(
        self, tokenizer: Tokenizer, prompt: Sequence[int], *, special_tokens: bool = False
    ) -> None:
        self._pieces = Pieces(tokenizer, special_tokens=special_tokens)
        self._window, self._shown = self._pieces.context(prompt)
        self._limit = 3 * KEEP
        # Tokens behind the window that do not decode yet, as a character may need more tokens.
        self._pending: list[int] = []
        self._begin("")

    @property
    def text(self) -> str:
        """Returns the text so far."""
        return self._before + self._whole[self._start :] + REPLACEMENT * len(self._pending)

    def special(self, token: int) -> str:
        """Returns the text of a special token, "" for any other token."""
        return self._pieces.special(token)

    def push(self, token: int) -> int:
        """Takes the next token, and returns the position from which the text may have changed."""
        end = len(self._before) + len(self._whole) - self._start
        for lost in range(len(self._pending) + 1):
            tokens = [*self._pending[lost:], token]
            if (shown := self._pieces.text(self._window + tokens)) is not None:
                self._lose(lost)
                self._pending.clear()
                return min(end, self._take(tokens, shown))
        self._pending.append(token)
        if len(self._pending) == LONGEST_CHARACTER:
            self._lose(1)
        return end

    def extend(self, tokens: Sequence[int]) -> None:
        """Takes several tokens, in one decoding if all of them decode."""
        shown = self._pieces.text([*self._window, *tokens]) if tokens else None
        if shown is not None and not self._pending:
            self._take(list(tokens), shown)
        else:
            for token in tokens:
                self.push(token)

    def _begin(self, before: str) -> None:
        """Makes `before` final; later text is what follows the window's text of this moment."""
        self._before = before
        # The window's text of this moment, without and with all later text.
        self._base = self._whole = self._shown
        self._shared = self._start = len(self._base)
        # Whether the first visible token holds its own space; None while no token is visible.
        self._spaced: bool | None = None

    def _lose(self, count: int) -> None:
        """Gives up the first `count` pending tokens, as they will never decode."""
        if count:
            del self._pending[:count]
            sure = self._before + self._whole[self._start :]
            self._begin(sure + REPLACEMENT * count)

    def _take(self, tokens: list[int], shown: str) -> int:
        """Adds tokens that turn the window's text into `shown`, and returns where it changed."""
        kept = _shared(self._shown, shown)
        changed = len(self._whole) - (len(self._shown) - kept)
        self._whole = self._whole[:changed] + shown[kept:]
        if shown == self._shown:
            tokens = [token for token in tokens if not self._pieces.silent(token)]
        for token in tokens:
            if self._spaced is not None:
                break
            self._spaced = self._pieces.begins_with_space(token)
        self._window += tokens
        self._shown = shown
        start = self._start
        self._find_start(changed)
        self._slide()
        return len(self._before) + (max(0, changed - start) if start == self._start else 0)

    def _find_start(self, changed: int) -> None:
        """Finds where the text begins: behind the part shared with the base."""
        if changed < len(self._base):
            self._shared = _shared(self._base, self._whole)
        self._start = self._shared
        behind = 0 < self._start == len(self._base)
        if behind and self._spaced is False and self._whole.startswith(" ", self._start):
            self._start += 1

    def _slide(self) -> None:
        """Shortens a long window to its last tokens."""
        if len(self._window) >= self._limit:
            if short := self._pieces.shortened(self._window):
                self._window, self._shown = short
            self._limit = max(3 * KEEP, 2 * len(self._window))


def _shared(one: str, other: str) -> int:
    """Returns the length of the longest common prefix."""
    if other.startswith(one):
        return len(one)
    pairs = enumerate(zip(one, other, strict=False))
    return next((i for i, (a, b) in pairs if a != b), len(other))
