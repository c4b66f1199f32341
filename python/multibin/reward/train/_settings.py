"""The settings of a training run, checked."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal

from multibin._args import boolean, integer, number, one_of, positive, sentence

__all__ = ["LoRA", "Settings"]

LR_ADAPTERS = 1e-4
"""VersaPRM's learning rate for adapters."""

LR_ALL = 1e-5
"""TRL's learning rate for reward models, for all weights."""


@dataclass(frozen=True)
class LoRA:
    """Holds the settings of low-rank adapters (LoRA); the defaults are VersaPRM's.

    >>> LoRA(rank=8).alpha
    32

    Args:
        rank: of the matrices, at least 1.
        alpha: the adapters' output is scaled by `alpha` / `rank`.
        dropout: share of inputs that the adapters drop in training, 0 to 1.
        targets: names of the modules that get adapters, or "all-linear".

    Raises:
        TypeError, ValueError: an argument out of range.
    """

    rank: int = 16
    alpha: int = 32
    dropout: float = 0.1
    targets: str | tuple[str, ...] = "all-linear"

    def __post_init__(self) -> None:
        integer("rank", self.rank, low=1)
        integer("alpha", self.alpha, low=1)
        number("dropout", self.dropout, 0, 1)
        if not self.targets:
            raise ValueError(sentence("targets", "'all-linear' or names of modules", self.targets))
        if not isinstance(self.targets, str):
            object.__setattr__(self, "targets", tuple(self.targets))


@dataclass(frozen=True)
class Settings:
    """Holds what decides the weights that a run ends with; `train` says what each means."""

    epochs: int | None
    steps: int | None
    batch_size: int
    accumulate: int
    lr: float | None
    warmup: float
    weight_decay: float
    schedule: Literal["cosine", "linear", "constant"]
    clip: float | None
    max_length: int | None
    first_error: bool
    outcome: bool
    seed: int
    lora: LoRA | None
    patience: int | None
    evaluate_every: int | None
    autocast: Literal["bfloat16"] | None

    def __post_init__(self) -> None:
        if self.epochs is not None and self.steps is not None:
            raise ValueError(sentence("epochs", "None where steps is given", self.epochs))
        for name in ("epochs", "steps", "max_length", "patience", "evaluate_every"):
            if getattr(self, name) is not None:
                integer(name, getattr(self, name), low=1)
        integer("batch_size", self.batch_size, low=1)
        integer("accumulate", self.accumulate, low=1)
        integer("seed", self.seed, 0, 2**63 - 1)
        self._check_rates()
        boolean("first_error", self.first_error)
        boolean("outcome", self.outcome)
        one_of("autocast", self.autocast, (None, "bfloat16"))
        if self.lora is not None and not isinstance(self.lora, LoRA):
            raise TypeError(sentence("lora", "a LoRA or None", self.lora))

    def _check_rates(self) -> None:
        for name in ("lr", "clip"):
            if getattr(self, name) is not None:
                positive(name, getattr(self, name))
        number("warmup", self.warmup, 0, 1)
        number("weight_decay", self.weight_decay, 0)
        one_of("schedule", self.schedule, ("cosine", "linear", "constant"))

    @property
    def group(self) -> int:
        """The examples of an optimiser step."""
        return self.batch_size * self.accumulate

    @property
    def peak(self) -> float:
        """The highest learning rate."""
        if self.lr is not None:
            return self.lr
        return LR_ALL if self.lora is None else LR_ADAPTERS

    def total(self, rows: int) -> int:
        """Returns the optimiser steps of the run for a number of rows."""
        if self.steps is not None:
            return self.steps
        return (self.epochs or 1) * -(-rows // self.group)

    def as_dict(self) -> dict[str, Any]:
        """Returns the settings as plain values."""
        return asdict(self)
