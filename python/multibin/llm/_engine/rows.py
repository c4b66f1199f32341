"""A row's keys and values, and what is counted and measured of rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor

from multibin.llm._engine.space import Slot
from multibin.llm._load.hf import States


class Row:
    """The cached keys and values of one request."""

    def __init__(self) -> None:
        self.slot: Slot | None = None
        """Its place in the arena."""
        self.block: Tensor | None = None
        """A copy in host memory, [layers, 2, kv_heads, cached, head_dim], while it has no slot."""
        self.cached = 0
        """Positions in the slot or the block, counted from the first."""
        self.prompt: Sequence[int] = ()
        """The tokens of a kept row."""
        self.beginnings: list[tuple[int, ...]] | None = None
        """Of its prompt, as `Prefixes` looks for them."""
        self.states: States | None = None
        """Its state of fixed size, where the model keeps some and it is in no batch."""
        self.is_shared = False
        """Whether another row has the same beginning, copied from this one or to it."""

    @property
    def start(self) -> int:
        """Returns where its slot begins."""
        assert self.slot is not None
        return self.slot.start

    @property
    def capacity(self) -> int:
        """Returns the positions of its slot."""
        assert self.slot is not None
        return self.slot.capacity


@dataclass
class Counts:
    """What happened to rows so far."""

    climbs: int = 0
    """Moves to a larger slot."""
    moved: int = 0
    """Moves to a slot of the same capacity, so that rows are consecutive or free space is."""
    parked: int = 0
    """Rows that stopped running with tokens to go and kept their slot."""
    offloaded: int = 0
    """Rows copied to host memory."""
    restored: int = 0
    """Rows copied back."""
    dropped: int = 0
    """Rows whose keys and values were given up, to be recomputed from their tokens."""
    shared: int = 0
    """Positions copied from a row with the same beginning, not computed."""


@dataclass
class Costs:
    """Measured seconds by which a row without a slot is copied or recomputed."""

    copy_byte: float | None = None
    """Seconds a byte to host memory; None: not measured."""
    prefill_token: float | None = None
    """Seconds a token of a prompt pass; None: not measured."""

    def prefilled(self, tokens: int, seconds: float) -> None:
        """Notes a prompt pass."""
        rate = seconds / tokens
        old = self.prefill_token
        self.prefill_token = rate if old is None else 0.8 * old + 0.2 * rate

    def recompute(self, tokens: int, size: int) -> bool:
        """Returns whether recomputing tokens takes less time than copying bytes out and back."""
        if self.copy_byte is None or self.prefill_token is None:
            return False
        return tokens * self.prefill_token < 2 * size * self.copy_byte


@dataclass
class Budget:
    """How many bytes keys and values may take."""

    device: int
    host: int
    grows: bool = False
    """Whether the arena starts small and doubles up to `device`."""
