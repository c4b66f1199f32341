"""A decoder of one layer with random weights in NumPy; each text has a cache of its own."""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
MOST = 64
"""The most tokens of a text."""
WIDTH, TOKENS, ENDS = 16, 240, 10  # The first ten tokens end a text.

_rng = np.random.default_rng(0)
_embedding = _rng.normal(size=(TOKENS, WIDTH))
_output = _rng.normal(size=(WIDTH, TOKENS))
_places = _rng.normal(size=(MOST, WIDTH))
_query, _key, _value = _rng.normal(size=(3, WIDTH, WIDTH)) / WIDTH**0.5


def _empty() -> Floats:
    return np.empty((0, WIDTH))


@dataclass
class Text:
    """A first token, those that were written after it, and the KV cache of all but the last."""

    first: int
    written: list[int] = field(default_factory=list)
    keys: Floats = field(default_factory=_empty)
    values: Floats = field(default_factory=_empty)

    @property
    def finished(self) -> bool:
        """Returns true after a token that ends the text, and after the last one."""
        return bool(self.written) and (self.written[-1] < ENDS or len(self.written) == MOST)


def step(texts: list[Text]) -> None:
    """Writes a token of each text; it computes their last tokens alone."""
    last = [text.written[-1] if text.written else text.first for text in texts]
    states = _embedding[last] + _places[[len(text.written) for text in texts]]
    for text, key, value in zip(texts, states @ _key, states @ _value, strict=True):
        text.keys = np.vstack([text.keys, key])
        text.values = np.vstack([text.values, value])
    seen = attend(states @ _query, texts)
    for text, token in zip(texts, ((states + seen) @ _output).argmax(1), strict=True):
        text.written.append(int(token))


def attend(queries: Floats, texts: list[Text]) -> Floats:
    """Returns what each row sees in its cache, shape ``[rows, WIDTH]``; shorter ones are padded."""
    shape = len(texts), max(len(text.keys) for text in texts), WIDTH
    keys, values, hidden = np.zeros(shape), np.zeros(shape), np.ones(shape[:2], bool)
    for row, text in enumerate(texts):
        used = len(text.keys)
        keys[row, :used], values[row, :used], hidden[row, :used] = text.keys, text.values, False
    scores = np.einsum("rw,rtw->rt", queries, keys)
    weights = np.exp(np.where(hidden, -np.inf, scores - scores.max(1, keepdims=True)))
    seen: Floats = np.einsum("rt,rtw->rw", weights / weights.sum(1, keepdims=True), values)
    return seen
