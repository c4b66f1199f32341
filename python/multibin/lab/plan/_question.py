"""What is asked: a load, an objective, and what may be chosen."""

from __future__ import annotations

from dataclasses import dataclass

from multibin import _args
from multibin.lab.compare import POLICIES, Policy, Settings

__all__ = ["CLIMBING", "PLANNED", "PREDICTING", "Objective", "Question"]

PLANNED = ("fifo", "strict", "elastic", "climb", "climb-predicted", "continuous")
"""Names of policies, in the order of the table."""

PREDICTING = ("strict", "elastic", "climb-predicted")
"""Policies that need predicted lengths."""

CLIMBING = ("climb", "climb-predicted")

MAX_BINS = 4096

MIN_SLO, MAX_SLO = 1e-9, 1e9
"""Seconds."""


@dataclass(frozen=True)
class Objective:
    """The lowest mean latency at a rate, or the highest rate within a latency.

    With a rate: the lowest mean latency among the plans whose 99 % quantile is at most ``slo_p99``,
    if that is given. Without a rate: the highest rate that keeps the quantile at ``slo_p99``.

    Raises:
        ValueError: both are None, or ``slo_p99`` is out of range.

    >>> from multibin.lab.plan import Objective
    >>> Objective(rate=1.5, slo_p99=60.0).description
    'the lowest mean latency with p99 ≤ 60 s at 1.5 requests/s'
    """

    rate: float | None
    """Requests per second."""
    slo_p99: float | None
    """Seconds from arrival to answer."""

    def __post_init__(self) -> None:
        if self.rate is None and self.slo_p99 is None:
            raise ValueError("rate or slo_p99 must be given, got neither")
        if self.slo_p99 is not None:
            _args.number("slo_p99", self.slo_p99, MIN_SLO, MAX_SLO)

    @property
    def description(self) -> str:
        """Returns the objective in a few words."""
        slo = "" if self.slo_p99 is None else f"p99 ≤ {self.slo_p99:g} s"
        if self.rate is None:
            return f"the highest rate with {slo}"
        within = f" with {slo}" if slo else ""
        return f"the lowest mean latency{within} at {self.rate:.4g} requests/s"


@dataclass(frozen=True)
class Question:
    """A load, an objective, and what may be chosen.

    Raises:
        TypeError: an argument has the wrong type.
        ValueError: an argument is out of range, or excludes another one.

    >>> from multibin.lab.compare import Settings
    >>> from multibin.lab.plan import Objective, Question
    >>> load = Settings("trace.csv", rate=1.5)
    >>> question = Question(load, Objective(1.5, None), predictor=False, continuous=False)
    >>> [policy.name for policy in question.policies]
    ['fifo', 'climb']
    """

    settings: Settings
    """The load, the costs and the servers; bins and batch size are chosen, and not read here."""
    objective: Objective
    batch_sizes: tuple[int, ...] = (4, 8, 16, 32)
    """Rows of a full batch, to choose from."""
    bins: tuple[int, ...] = (1, 2, 4, 8, 16, 32)
    """Numbers of bins, or levels to climb, to choose from. A single bin is always considered."""
    predictor: bool = True
    """Lengths are predicted before requests run."""
    climbing: bool = True
    """The back-end can stop a batch and resume its rows in another."""
    continuous: bool = True
    """The back-end may be able to replace rows of a running batch."""
    max_parked: int | None = None
    """Climbers that may wait with their state, for the policies that climb. None: any number."""

    def __post_init__(self) -> None:
        for name, high in (("batch_sizes", _args.LONGEST), ("bins", MAX_BINS)):
            values = getattr(self, name)
            if not values:
                raise ValueError(_args.sentence(name, "one number or more", values))
            for value in values:
                _args.integer(name, value, 1, high)
        if self.max_parked is not None:
            _args.integer("max_parked", self.max_parked, 1)
        if not self.predictor:
            self._refuse_predictions()

    @property
    def policies(self) -> list[Policy]:
        """Returns the policies that can run, in the order of the table."""
        known = {policy.name: policy for policy in POLICIES}
        return [known[name] for name in PLANNED if self._possible(name)]

    def _refuse_predictions(self) -> None:
        predictions = {"shuffled": self.settings.shuffled or None, "sigma": self.settings.sigma}
        for name, value in predictions.items():
            if value is not None:
                raise ValueError(_args.sentence(name, "left out without a predictor", value))

    def _possible(self, name: str) -> bool:
        if name in PREDICTING and not self.predictor:
            return False
        if name in CLIMBING and not self.climbing:
            return False
        return name != "continuous" or self.continuous
