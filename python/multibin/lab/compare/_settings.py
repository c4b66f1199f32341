"""What is played and how: the arguments of ``multibin simulate``."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import Any

import multibin as mb
from multibin import _args
from multibin.costs import Costs

__all__ = ["EDGES", "FEW", "Settings"]

EDGES = ("optimal", "quantile", "uniform")
"""Ways to place the bins."""

MOST = 10**8
"""Requests that a run may have."""

CROWD = 100_000
"""Servers that a run may have: the simulation keeps a state for each."""

RANGES = {
    "rate": (1e-6, 1e9),
    "cv": (0.01, 100.0),
    "pause": (0.0, 1e6),
    "sigma": (0.0, 100.0),
    "overhead": (0.0, 1e9),
}
"""Lowest and highest values: wide, and what is beyond them has no meaning or no floats."""

SLOWEST, NANOSECOND = 1e4, 1e-9
"""Bounds of a cost, and of their sum, in seconds: a lower one rounds to no nanosecond."""

FEW = 1000
"""Requests that a search for the highest stable rate needs at least."""


@dataclass(frozen=True)
class Settings:
    """Raises ``ValueError`` or ``TypeError`` that names the argument and the value, for one out of
    range, or one that means nothing without another or beside it.
    """

    trace: str
    """A file that ``multibin.lab.traces._read`` reads."""
    rate: float | None = None
    """Requests per second, drawn anew. None: the trace's own times."""
    cv: float | None = None
    """Standard deviation of the gaps over their mean; 1, a Poisson process, if not given."""
    requests: int | None = None
    """How many: drawn with replacement if a rate is given, else the first of the trace."""
    seed: int = 0
    users: int | None = None
    """A closed loop of so many users instead of times: each waits for an answer before it sends the
    next request. Requests are then drawn with replacement."""
    pause: float = 0.0
    """Seconds between an answer and its user's next request, on average; exponential."""
    policies: tuple[str, ...] | None = None
    """Names; FIFO is always played, as the others are compared with it. None: FIFO, strict
    (but in a closed loop), elastic, climb and refill."""
    bins: int = 16
    levels: int = 12
    """Bins of the policies that climb."""
    edges: str = "optimal"
    """One of ``EDGES``, for the policies that do not climb."""
    overhead: float | None = None
    """Steps that a move to the next level costs (``Edges.feedback``). None: what the cost model
    says, ``default_overhead``."""
    batch_size: int = 8
    servers: int = 1
    max_resident: int | None = None
    """The most rows whose state a server holds, running or waiting to go on."""
    chunk: int = 16
    """Steps between refills, for the policy ``chunked``."""
    sigma: float | None = None
    """Predictions are the true lengths × exp(sigma · Z). None: the trace's own, or the truth."""
    shuffled: bool = False
    """Predictions are the true lengths of other requests."""
    warm_up: float = 0.1
    """Share of the requests, the first ones, that latencies leave out."""
    saturation: bool = False
    """Search the highest stable rates as well."""
    costs: Costs = field(default_factory=lambda: mb.CostModel(fixed=0.05, step=0.02))

    def __post_init__(self) -> None:
        for name, most in (("bins", 4096), ("levels", 4096), ("batch_size", _args.LONGEST)):
            _args.integer(name, getattr(self, name), 1, most)
        _args.integer("servers", self.servers, 1, CROWD)
        if self.users is not None:
            _args.integer("users", self.users, 1, MOST)
        if self.max_resident is not None:
            _args.integer("max_resident", self.max_resident, self.batch_size)
        _args.integer("chunk", self.chunk, 1, _args.LONGEST)
        _args.integer("seed", self.seed)
        least = FEW if self.saturation else 1
        if self.requests is not None:
            _args.integer("requests", self.requests, least, MOST)
        if self.edges not in EDGES:
            raise ValueError(f"edges: {self.edges!r} is not one of {', '.join(EDGES)}")
        self._check_numbers()
        self._check_together()

    def _check_numbers(self) -> None:
        for name, (low, high) in RANGES.items():
            if (value := getattr(self, name)) is not None:
                _args.number(name, value, low, high)
        if not 0 <= self.warm_up < 1:
            raise ValueError(f"warm_up: {self.warm_up:g} is not from 0 to below 1")

    def _check_together(self) -> None:
        if self.shuffled and self.sigma is not None:
            raise ValueError(f"shuffled: means nothing beside sigma = {self.sigma:g}")
        if self.cv is not None and self.rate is None and not self.saturation:
            raise ValueError(f"cv: {self.cv:g} means nothing without rate or saturation")
        self._check_users()
        _check_costs(self.costs)

    @property
    def data(self) -> dict[str, Any]:
        """Everything for ``json.dumps``."""
        own = {f.name: getattr(self, f.name) for f in fields(self)}
        return own | {"costs": self.costs.data}

    def _check_users(self) -> None:
        if self.users is None:
            if self.pause:
                raise ValueError(f"pause: {self.pause:g} means nothing without users")
            return
        if self.rate is not None:
            raise ValueError(f"rate: {self.rate:g} means nothing beside users = {self.users}")
        if self.saturation:
            raise ValueError(f"saturation: means nothing beside users = {self.users}")
        if "strict" in self.names:
            raise ValueError("policy: 'strict' may wait for ever in a closed loop (users)")

    @property
    def names(self) -> tuple[str, ...]:
        """The policies, those by default if none are given."""
        if self.policies is not None:
            return self.policies
        strict = () if self.users is not None else ("strict",)
        return ("fifo", *strict, "elastic", "climb", "refill")

    @property
    def move_cost(self) -> float:
        """Steps: ``overhead``, or what the cost model says."""
        if self.overhead is not None:
            return float(self.overhead)
        return default_overhead(self.costs, self.batch_size)


def _check_costs(costs: Costs) -> None:
    if isinstance(costs, mb.CostTable):
        seconds = {name: float(getattr(costs, name).max()) for name in ("step", "prefill", "move")}
    else:
        seconds = costs.parameters
    for name, value in seconds.items():
        _args.number(name, value, 0.0, SLOWEST)
    if sum(seconds.values()) < NANOSECOND:
        raise ValueError(f"costs: they add up to {sum(seconds.values()):g} s, not to 1e-9")


def default_overhead(costs: Costs, batch_size: int) -> float:
    """What a batch of moved rows costs before its first step, in steps of a full batch: the fixed
    part plus the moves of all rows, as all of them wait for it. Caches are taken as empty, with a
    table as half as long as its last point; 2 where steps cost nothing but what they read.
    """
    if isinstance(costs, mb.CostTable):
        tokens = costs.tokens[-1] / 2
        step = costs.seconds("step", batch_size, tokens)
        return costs.seconds("move", batch_size, tokens) / step if step else 2.0
    step = costs.step + costs.row_step * batch_size
    return (costs.fixed + costs.moved_row * batch_size) / step if step else 2.0
