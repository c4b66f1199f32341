"""What is measured: the arguments of ``multibin calibrate``."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import takewhile

from multibin import _args
from multibin.costs._table import axis
from multibin.lab.calibrate._bench import STEPS

__all__ = ["ROWS", "Settings", "grid_tokens"]

ROWS = (1, 2, 4, 8, 16)
"""Default numbers of rows."""

SHORTEST, LONGEST = 16, 2048
"""The least and the largest default number of tokens."""


@dataclass(frozen=True)
class Settings:
    """The model and the grid; raises an error for a value of the wrong type or out of range.

    >>> from multibin.lab.calibrate import Settings
    >>> Settings(rows=(1, 8), tokens=(16, 64)).repeats
    5
    """

    model: str | None = None
    """A folder or hub id. None: the built-in model."""
    rows: tuple[int, ...] = ROWS
    tokens: tuple[int, ...] | None = None
    """Tokens per row. None: doublings from 16 up to what the context leaves, 2,048 at most."""
    repeats: int = 5
    """Runs of everything that is measured."""
    width: int = 1
    """Scales the built-in model."""
    device: str | None = None
    dtype: str | None = None
    threads: int | None = None
    """Threads of torch. None: torch's own number, or 1 for the built-in model of width 1."""

    def __post_init__(self) -> None:
        axis("rows", self.rows, 1)
        if self.tokens is not None:
            axis("tokens", self.tokens, 1)
        for name in ("repeats", "width"):
            _args.integer(name, getattr(self, name), low=1)
        if self.threads is not None:
            _args.integer("threads", self.threads, low=1)


def grid_tokens(settings: Settings, context: int) -> tuple[int, ...]:
    """Returns the numbers of tokens for a model of this context.

    Raises:
        ValueError: the context has no room for the tokens and the steps after them.
    """
    high = context - STEPS
    tokens = settings.tokens or _doublings(min(high, LONGEST))
    if tokens[-1] > high:
        rule = f"at most {high}, {STEPS} steps below the model's context of {context}"
        raise ValueError(_args.sentence(f"tokens[{len(tokens) - 1}]", rule, tokens[-1]))
    return tokens


def _doublings(high: int) -> tuple[int, ...]:
    """Returns doublings from the shortest, and ``high`` unless it is near the last of them."""
    powers = takewhile(lambda tokens: tokens <= high / 1.25, (SHORTEST << i for i in range(32)))
    return (*powers, max(high, 1))
