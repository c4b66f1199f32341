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
    """The lowest mean latency at a rate, or the highest rate within bounds.

    With a rate: the lowest mean latency among the plans that keep all bounds. Without a rate: the
    highest rate that keeps them. A bound is kept if 99 % of the requests are within it.

    Raises:
        ValueError: neither a rate nor a bound is given, or a bound is out of range.

    >>> from multibin.lab.plan import Objective
    >>> Objective(rate=1.5, slo_p99=60.0).description
    'the lowest mean latency with p99 ≤ 60 s at 1.5 requests/s'
    >>> Objective(rate=None, slo_ttft=0.5, slo_tpot=0.05).bounds
    {'ttft': 0.5, 'tpot': 0.05}
    """

    rate: float | None
    """Requests per second."""
    slo_p99: float | None = None
    """Seconds from arrival to answer."""
    slo_ttft: float | None = None
    """Seconds from arrival to the first token."""
    slo_tpot: float | None = None
    """Seconds per output token after the first."""

    def __post_init__(self) -> None:
        for name in ("slo_p99", "slo_ttft", "slo_tpot"):
            if (value := getattr(self, name)) is not None:
                _args.number(name, value, MIN_SLO, MAX_SLO)
        if self.rate is None and not self.bounds:
            raise ValueError("rate or a bound such as slo_p99 must be given, got neither")

    @property
    def bounds(self) -> dict[str, float]:
        """Returns the bounds that are given, in seconds, by what they bound."""
        known = {"latency": self.slo_p99, "ttft": self.slo_ttft, "tpot": self.slo_tpot}
        return {name: value for name, value in known.items() if value is not None}

    @property
    def limits(self) -> str:
        """Returns the bounds in a few words, empty without one."""
        names = {"latency": "p99", "ttft": "p99 of TTFT", "tpot": "p99 of TPOT"}
        return ", ".join(f"{names[name]} ≤ {value:g} s" for name, value in self.bounds.items())

    @property
    def description(self) -> str:
        """Returns the objective in a few words."""
        if self.rate is None:
            return f"the highest rate with {self.limits}"
        within = f" with {self.limits}" if self.bounds else ""
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
    """The load, the costs and the servers; bins and batch size are chosen, and not read here.

    With a rate or a cv arrivals are drawn; else a trace is played at its own times."""
    objective: Objective
    batch_sizes: tuple[int, ...] = (4, 8, 16, 32)
    """Rows of a full batch, to choose from."""
    wider: bool = False
    """Wider batches could run, but are not tried: where they may do better, the advice says so."""
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
    kv_bytes_per_token: float | None = None
    """Bytes of the KV cache that a token takes, all layers together. None: not known."""
    kv_budget: float | None = None
    """Bytes of the KV cache that a server has. None: no limit."""
    speed: float | None = None
    """Plays the trace's own times this many times as fast. None: searched, or drawn arrivals."""
    context: int | None = None
    """The most tokens of a prompt and its answer. None: no limit."""
    quick: bool = False
    """Plays fewer requests, fewer times: ten times as fast, and less certain."""

    def __post_init__(self) -> None:
        for name, high in (("batch_sizes", _args.LONGEST), ("bins", MAX_BINS)):
            values = getattr(self, name)
            if not values:
                raise ValueError(_args.sentence(name, "one number or more", values))
            for value in values:
                _args.integer(name, value, 1, high)
        for name, low in (("max_parked", 1), ("context", 2)):
            if (value := getattr(self, name)) is not None:
                _args.integer(name, value, low)
        for name in ("kv_bytes_per_token", "kv_budget", "speed"):
            if (value := getattr(self, name)) is not None:
                _args.positive(name, value)
        if self.kv_budget is not None and self.kv_bytes_per_token is None:
            rule = "left out without kv_bytes_per_token"
            raise ValueError(_args.sentence("kv_budget", rule, self.kv_budget))
        if not self.predictor:
            self._refuse_predictions()

    @property
    def kv_tokens(self) -> float | None:
        """Returns the tokens that the budget holds, or None without one."""
        if self.kv_budget is None or self.kv_bytes_per_token is None:
            return None
        return self.kv_budget / self.kv_bytes_per_token

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
