"""What is asked: a load, an objective, and what may be chosen."""

from __future__ import annotations

from dataclasses import dataclass

from multibin import _args
from multibin.lab.compare import Settings
from multibin.lab.compare._policies import POLICIES, Policy

__all__ = ["Objective", "Question"]

PLANNED = ("fifo", "strict", "elastic", "climb", "climb-predicted", "refill")
"""Policies, in the order of the table."""

PREDICTING = ("strict", "elastic", "climb-predicted")
"""Those that need predicted lengths."""

CLIMBING = ("climb", "climb-predicted")

LONGEST_SLO = 1e9
"""Seconds."""


@dataclass(frozen=True)
class Objective:
    """With a rate, the lowest mean latency, among plans whose 99 % quantile is at most ``slo_p99``
    if that is given. Without a rate, the highest rate that keeps the quantile at ``slo_p99``.

    Raises ``ValueError`` without either, and for an ``slo_p99`` that is not a time above 0.
    """

    rate: float | None
    """Requests per second."""
    slo_p99: float | None
    """Seconds from arrival to answer."""

    def __post_init__(self) -> None:
        if self.rate is None and self.slo_p99 is None:
            raise ValueError("objective: neither a rate nor slo_p99 is given")
        if self.slo_p99 is not None:
            _args.number("slo_p99", self.slo_p99, 1e-9, LONGEST_SLO)


@dataclass(frozen=True)
class Question:
    """Raises ``ValueError`` or ``TypeError`` that names the argument and the value, for one out of
    range or one that means nothing beside another.
    """

    settings: Settings
    """The load, the service and the servers; bins and batch size are chosen, not read."""
    objective: Objective
    batch_sizes: tuple[int, ...] = (4, 8, 16, 32)
    """Rows of a full batch, to choose from."""
    bins: tuple[int, ...] = (1, 2, 4, 8, 16, 32)
    """Bins, or levels to climb, to choose from. A single one is always considered."""
    predictor: bool = True
    """Lengths are predicted before requests run."""
    climbing: bool = True
    """The back-end can stop a batch and resume its rows in another."""
    refill: bool = True
    """The back-end may be able to replace rows of a running batch."""
    max_parked: int | None = None
    """Climbers that may wait with their state, for the policies that climb. None: any number."""

    def __post_init__(self) -> None:
        for name, most in (("batch_sizes", _args.LONGEST), ("bins", 4096)):
            values = getattr(self, name)
            if not values:
                raise ValueError(f"{name}: names no number")
            for value in values:
                _args.integer(name, value, 1, most)
        if self.max_parked is not None:
            _args.integer("max_parked", self.max_parked, 1)
        if not self.predictor and (self.settings.shuffled or self.settings.sigma is not None):
            given = "shuffled" if self.settings.shuffled else f"sigma = {self.settings.sigma:g}"
            raise ValueError(f"no_predictor: means nothing beside {given}")

    @property
    def policies(self) -> list[Policy]:
        """Those that can be run, in the order of ``PLANNED``."""
        known = {policy.name: policy for policy in POLICIES}
        return [known[name] for name in PLANNED if self._possible(name)]

    def _possible(self, name: str) -> bool:
        if name in PREDICTING and not self.predictor:
            return False
        if name in CLIMBING and not self.climbing:
            return False
        return name != "refill" or self.refill
