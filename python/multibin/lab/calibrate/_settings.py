"""What is measured: the arguments of ``multibin calibrate``."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import takewhile

from multibin import _args
from multibin.costs._table import axis
from multibin.lab.calibrate._bench import STEPS

__all__ = ["ROWS", "Settings", "grid_tokens"]

ROWS = (1, 2, 4, 8, 16)
"""Numbers of rows where none are given."""

SHORTEST, LONGEST = 16, 2048
"""The first of the numbers of tokens where none are given, and the most."""


@dataclass(frozen=True)
class Settings:
    """Raises ``ValueError`` or ``TypeError`` that names the argument and the value."""

    model: str | None = None
    """A folder or hub id; None: the built-in model."""
    rows: tuple[int, ...] = ROWS
    tokens: tuple[int, ...] | None = None
    """None: doublings from 16 up to what the model's context leaves, 2,048 at most."""
    repeats: int = 5
    """Runs of everything that is measured."""
    width: int = 1
    """Scales the built-in model."""
    device: str | None = None
    dtype: str | None = None
    threads: int | None = None
    """Of torch; None: its own number, 1 for the built-in model of width 1."""

    def __post_init__(self) -> None:
        axis("rows", self.rows, 1)
        if self.tokens is not None:
            axis("tokens", self.tokens, 1)
        for name in ("repeats", "width"):
            _args.integer(name, getattr(self, name), low=1)
        if self.threads is not None:
            _args.integer("threads", self.threads, low=1)


def grid_tokens(settings: Settings, context: int) -> tuple[int, ...]:
    """The numbers of tokens for a model of this context.

    Raises ``ValueError`` where the context has no room for them and the steps behind them.
    """
    most = context - STEPS
    tokens = settings.tokens or _doublings(min(most, LONGEST))
    if tokens[-1] > most:
        rule = f"at most {most}, {STEPS} steps below the model's context of {context}"
        raise ValueError(_args.sentence(f"tokens[{len(tokens) - 1}]", rule, tokens[-1]))
    return tokens


def _doublings(most: int) -> tuple[int, ...]:
    """From the shortest on, and the most itself where that is not near the last of them."""
    powers = takewhile(lambda tokens: tokens <= most / 1.25, (SHORTEST << i for i in range(32)))
    return (*powers, max(most, 1))
