"""Texts that a model writes bit by bit."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

MOST = 64
"""The most tokens of a text."""


@dataclass(frozen=True)
class Text:
    """What a model reads, what it has written for that so far, and whether this is all."""

    source: Any
    written: list[int] = field(default_factory=list)
    finished: bool = False

    def plus(self, tokens: list[int], model: Any) -> Text:
        """Returns the text with further tokens, up to one that ends it and to the most of them."""
        ends = model.generation_config.eos_token_id
        written = (self.written + tokens)[:MOST]
        for place, token in enumerate(written):
            if token in (ends if isinstance(ends, list) else [ends]):
                return replace(self, written=written[: place + 1], finished=True)
        return replace(self, written=written, finished=len(written) == MOST)
