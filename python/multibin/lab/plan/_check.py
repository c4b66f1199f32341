"""Plays a plan on another trace, and compares what comes with what was promised."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from multibin.lab._text import table
from multibin.lab.compare import play, with_hits
from multibin.lab.plan._choice import Plan
from multibin.lab.plan._drift import Difference, differences
from multibin.lab.plan._estimate import plain
from multibin.lab.plan._figures import Figures, measured
from multibin.lab.plan._load import Load, as_predicted, within_context
from multibin.lab.plan._measure import Outcome
from multibin.lab.traces import Trace

__all__ = ["Check", "check", "check_as_json", "describe_check"]

CHECKED = {
    "mean": "mean latency (s)",
    "p99": "p99 latency (s)",
    "ttft_p99": "p99 of TTFT (s)",
    "tpot_p99": "p99 of TPOT (s)",
    "tokens": "KV tokens",
}
"""Figures that are compared."""


@dataclass(frozen=True)
class Check:
    """A plan's figures beside those of another trace, played at its own times."""

    promised: Outcome
    found: Figures
    speed: float
    """How many times as fast as its own times the other trace was played."""
    differences: tuple[Difference, ...]
    """Where the traces differ in load or lengths, so that the promise does not hold."""

    def inside(self, name: str) -> bool | None:
        """Returns whether a figure lies in its promised interval; None without an interval."""
        promise = self.promised.estimated(name)
        if promise.low is None or promise.high is None:
            return None
        return bool(promise.low <= getattr(self.found, name) <= promise.high)


def check(plan: Plan, load: Load, other: Trace, outcome: Outcome | None = None) -> Check:
    """Plays the chosen plan on another trace, at its own times, as fast as the plan's own.

    Args:
        plan: a plan for ``load``.
        load: the requests that were planned for.
        other: another trace, with times, such as the following hours.
        outcome: another of the plan's outcomes to check.

    Raises:
        ValueError: the other trace has no times.

    >>> from multibin.lab.compare import Settings
    >>> from multibin.lab.plan import Objective, Question, check, choose, load
    >>> from multibin.lab.traces import arrivals, chat
    >>> trace = chat(4000, seed=0).with_arrivals(arrivals.poisson(4000, rate=0.5, seed=1))
    >>> settings = Settings("chat")
    >>> question = Question(settings, Objective(0.5), batch_sizes=(8,), bins=(1,), speed=1.0)
    >>> requests = load(question, trace[:2000])
    >>> plan = choose(question, requests, report=lambda line: None)
    >>> found = check(plan, requests, trace[2000:])
    >>> found.inside("p99"), found.differences
    (True, ())
    """
    promised = plan.chosen if outcome is None else outcome
    fitting, _, _ = within_context(other, plan.question.context)
    if fitting.arrivals is None:
        raise ValueError("check must be a trace with times")
    speed = promised.rate / load.rate if load.own and load.rate else 1.0
    fitting = with_hits(load.settings, fitting, "the other trace")
    trace = as_predicted(load.settings, fitting).scale_rate(speed)
    candidate = promised.candidate
    records = play(candidate.settings, trace, candidate.fit, candidate.own_policy)
    skipped = int(candidate.settings.warm_up * len(trace))
    found = measured(records, trace, skipped, plan.question.objective.bounds)
    planned = load.trace if load.own else load.base.scale_rate(promised.rate)
    return Check(promised, found, speed, tuple(differences(planned, fitting)))


def describe_check(found: Check, source: str) -> str:
    """Returns the comparison as text."""
    rows = []
    for name, title in CHECKED.items():
        promise, value = found.promised.estimated(name), getattr(found.found, name)
        if not np.isfinite(value):  # Outputs of one token have no time per output token.
            continue
        verdict = {True: "inside", False: "outside", None: ""}[found.inside(name)]
        rows.append([title, str(promise), plain(value), verdict])
    speed = "" if found.speed == 1 else f" × {found.speed:.4g}"
    lines = [f"check: the plan on {source}, at its own times{speed}"]
    lines += table(["", "planned", "played", ""], rows)
    if found.differences:
        parts = "; ".join(map(str, found.differences))
        lines.append(f"The traces differ: {parts}. The intervals do not hold for such a load.")
    return "\n".join(lines)


def check_as_json(found: Check) -> dict[str, Any]:
    """Returns the comparison for ``json.dumps``."""
    return {
        "planned": {name: found.promised.estimated(name).data for name in CHECKED},
        "played": {name: found.found.data[name] for name in CHECKED},
        "inside": {name: found.inside(name) for name in CHECKED},
        "speed": found.speed,
        "differences": [asdict(each) for each in found.differences],
    }
