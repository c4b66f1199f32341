"""What is played, and how: the arguments of ``multibin simulate``."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import Any

import multibin as mb
from multibin import _args
from multibin.costs import Costs

__all__ = ["MIN_SEARCHED", "PLACEMENTS", "UNLIMITED", "Settings", "default_overhead"]

PLACEMENTS = ("optimal", "quantile", "uniform")
"""Ways to place the bins."""

UNLIMITED = "unlimited"
"""The ``prefix_cache`` that holds every block."""

MAX_BINS = 4096

MAX_REQUESTS = 10**8

MAX_SERVERS = 100_000
"""The simulation keeps a state for each server."""

RANGES = {
    "rate": (1e-6, 1e9),
    "speed": (1e-9, 1e9),
    "cv": (0.01, 100.0),
    "pause": (0.0, 1e6),
    "sigma": (0.0, 100.0),
    "overhead": (0.0, 1e9),
}
"""Lowest and highest values. They are wide: what is beyond them has no meaning or no floats."""

MAX_COST, MIN_COSTS = 1e4, 1e-9
"""Bounds of one cost and of the sum, in seconds: the clock rounds to nanoseconds."""

MIN_SEARCHED = 1000
"""Requests that a search for the highest stable rate needs at least."""


@dataclass(frozen=True)
class Settings:
    """The workload, the policies with their bins, the servers and the costs.

    Raises:
        TypeError: an argument has the wrong type.
        ValueError: an argument is out of range, or excludes another one.

    >>> from multibin.lab.compare import Settings
    >>> settings = Settings("trace.csv", rate=1.5, batch_size=16)
    >>> settings.names
    ('fifo', 'strict', 'elastic', 'climb', 'continuous')
    >>> Settings("trace.csv", rate=1.5, users=4)
    Traceback (most recent call last):
    ValueError: rate must be left out with users = 4, got 1.5
    """

    trace: str
    """A file that ``multibin.lab.traces.read`` reads."""
    columns: str | None = None
    """The names of its columns, "prompt=…,output=…,time=…,predicted=…". None: known names."""
    time_unit: str | float | None = None
    """The unit of its times that are numbers: s, ms, us, ns or seconds. None: by what is known."""
    rate: float | None = None
    """Requests per second that are drawn. None: the trace's own times."""
    speed: float | None = None
    """Plays the trace's own times this many times as fast. None: as they are."""
    cv: float | None = None
    """Standard deviation of the gaps over their mean. None: 1, a Poisson process."""
    requests: int | None = None
    """The number of requests: drawn with replacement with a rate, else the first of the trace."""
    seed: int = 0
    users: int | None = None
    """Users of a closed loop, instead of times: each sends a request after the answer to the last.

    Requests are then drawn with replacement."""
    pause: float = 0.0
    """Mean seconds between an answer and its user's next request; exponential."""
    policies: tuple[str, ...] | None = None
    """Names of policies. None: strict (except in a closed loop), elastic, climb and continuous.

    FIFO is always played, as the others are compared with it."""
    bins: int = 16
    levels: int = 12
    """Bins of the policies that climb."""
    edges: str = "optimal"
    """One of ``PLACEMENTS``, for the policies that do not climb."""
    overhead: float | None = None
    """Steps that a move to the next level costs (``Edges.feedback``). None: by the costs."""
    batch_size: int = 8
    servers: int = 1
    max_resident: int | None = None
    """The most rows whose state a server holds, running or waiting to go on."""
    prefix_cache: int | str | None = None
    """Tokens that a prefix cache holds, or "unlimited". None: no such cache.

    The trace must have hashes of its prompts' blocks."""
    chunk: int = 16
    """Steps between refills, for the policy ``chunked``."""
    sigma: float | None = None
    """Predictions are the true lengths × exp(sigma · Z). None: the trace's own, or the truth."""
    shuffled: bool = False
    """Predictions are the true lengths of other requests."""
    warm_up: float = 0.1
    """Share of the requests, the first ones, that latencies leave out."""
    saturation: bool = False
    """Searches the highest stable rates, too."""
    costs: Costs = field(default_factory=lambda: mb.CostModel(fixed=0.05, step=0.02))

    def __post_init__(self) -> None:
        self._check_counts()
        self._check_numbers()
        self._check_together()
        _check_costs(self.costs)

    @property
    def data(self) -> dict[str, Any]:
        """Returns all fields, for ``json.dumps``."""
        own = {f.name: getattr(self, f.name) for f in fields(self)}
        return own | {"costs": self.costs.data}

    @property
    def names(self) -> tuple[str, ...]:
        """Returns the names of the policies, or those played by default."""
        if self.policies is not None:
            return self.policies
        strict = () if self.users is not None else ("strict",)
        return ("fifo", *strict, "elastic", "climb", "continuous")

    @property
    def move_cost(self) -> float:
        """Returns the steps that a move costs: ``overhead``, or what the costs make of it."""
        if self.overhead is not None:
            return float(self.overhead)
        return default_overhead(self.costs, self.batch_size)

    def _check_counts(self) -> None:
        for name, high in (("bins", MAX_BINS), ("levels", MAX_BINS), ("batch_size", _args.LONGEST)):
            _args.integer(name, getattr(self, name), 1, high)
        _args.integer("servers", self.servers, 1, MAX_SERVERS)
        if self.users is not None:
            _args.integer("users", self.users, 1, MAX_REQUESTS)
        if self.max_resident is not None:
            _args.integer("max_resident", self.max_resident, self.batch_size)
        if self.prefix_cache not in (None, UNLIMITED):
            _args.integer("prefix_cache", self.prefix_cache, 1)
        _args.integer("chunk", self.chunk, 1, _args.LONGEST)
        _args.integer("seed", self.seed)
        if self.requests is not None:
            low = MIN_SEARCHED if self.saturation else 1
            _args.integer("requests", self.requests, low, MAX_REQUESTS)

    def _check_numbers(self) -> None:
        _args.one_of("edges", self.edges, PLACEMENTS)
        for name, (low, high) in RANGES.items():
            if (value := getattr(self, name)) is not None:
                _args.number(name, value, low, high)
        if not 0 <= self.warm_up < 1:
            raise ValueError(_args.sentence("warm_up", "at least 0 and below 1", self.warm_up))

    def _check_together(self) -> None:
        if self.shuffled and self.sigma is not None:
            _refuse("shuffled", f"with sigma = {self.sigma:g}", True)
        if self.speed is not None and self.rate is not None:
            _refuse("rate", f"with speed = {self.speed:g}", self.rate)
        if self.cv is not None and self.rate is None and not self.saturation:
            _refuse("cv", "without rate or saturation", self.cv)
        if self.users is None:
            if self.pause:
                _refuse("pause", "without users", self.pause)
            return
        beside = f"with users = {self.users}"
        if self.rate is not None:
            _refuse("rate", beside, self.rate)
        if self.speed is not None:
            _refuse("speed", beside, self.speed)
        if self.saturation:
            _refuse("saturation", beside, True)
        if "strict" in self.names:
            _refuse("policy", f"{beside}, as strict bins may wait forever", "strict")


def _refuse(name: str, beside: str, value: object) -> None:
    """Raises a ``ValueError`` for an argument that another one excludes."""
    raise ValueError(_args.sentence(name, f"left out {beside}", value))


def _check_costs(costs: Costs) -> None:
    if isinstance(costs, mb.CostTable):
        seconds = {name: float(getattr(costs, name).max()) for name in ("step", "prefill", "move")}
    else:
        seconds = costs.parameters
    for name, value in seconds.items():
        _args.number(name, value, 0.0, MAX_COST)
    if (total := sum(seconds.values())) < MIN_COSTS:
        raise ValueError(_args.sentence("the sum of the costs", f"at least {MIN_COSTS:g} s", total))


def default_overhead(costs: Costs, batch_size: int) -> float:
    """Returns what a batch of moved rows costs before its first step, in steps of a full batch.

    It is the fixed part plus the moves of all rows, as all of them wait for it. Caches count as
    empty, or, with a table, as half as long as its last point. It is 2 where steps cost only what
    they read.

    >>> import multibin as mb
    >>> from multibin.lab.compare import default_overhead
    >>> default_overhead(mb.CostModel(fixed=0.05, step=0.02), batch_size=8)
    2.5
    """
    if isinstance(costs, mb.CostTable):
        tokens = costs.tokens[-1] / 2
        step = costs.seconds("step", batch_size, tokens)
        return costs.seconds("move", batch_size, tokens) / step if step else 2.0
    step = costs.step + costs.row_step * batch_size
    return (costs.fixed + costs.moved_row * batch_size) / step if step else 2.0
