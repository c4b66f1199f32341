"""Shows the plan as text and as JSON."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from multibin.lab.compare import (
    Workload,
    describe_arrivals,
    describe_costs,
    describe_predictions,
)
from multibin.lab.plan._advice import advice
from multibin.lab.plan._candidates import Candidate
from multibin.lab.plan._choice import Plan
from multibin.lab.plan._measure import Outcome
from multibin.lab.plan._question import Question

__all__ = ["as_json", "describe"]

CHOSEN = ("policies", "bins", "levels", "edges", "batch_size", "chunk", "rate")
"""Settings that are chosen, and not read."""

SUBMITTED = {
    "fifo": "lengths do not matter",
    "climb": "submit every request with length 0; resubmit the unfinished rows",
    "climb-predicted": "submit predicted lengths; resubmit the unfinished rows",
    "continuous": "in the simulation; live, a back-end with continuous batching",
}
"""What goes with the line of Python."""


def describe(plan: Plan, workload: Workload) -> str:
    """Returns the load, the plan as words and as Python, the table, and the advice."""
    load = _describe_load(plan.question, workload)
    return "\n\n".join([load, _describe_chosen(plan), _table(plan), advice(plan)])


def _describe_load(question: Question, workload: Workload) -> str:
    settings, lengths = question.settings, workload.played.output_tokens
    predictions = describe_predictions(settings, workload) if question.predictor else "none"
    return "\n".join(
        [
            f"{len(lengths):,} requests drawn from {settings.trace} (seed {settings.seed}),"
            f" {describe_arrivals(settings)} arrivals; wanted: {question.objective.description}",
            f"output tokens: mean {lengths.mean():.1f}, longest {lengths.max()};"
            f" predictions: {predictions}",
            f"{settings.servers} server{'s' if settings.servers > 1 else ''}; a batch takes"
            f" {describe_costs(settings.costs)}; latencies are in seconds, without the first"
            f" {settings.warm_up:.0%} of the requests",
        ]
    )


def _describe_chosen(plan: Plan) -> str:
    candidate = plan.chosen.candidate
    heading = "plan" if plan.chosen.meets else "no plan; the nearest"
    how = SUBMITTED.get(candidate.policy.name, "submit predicted lengths")
    return f"{heading}: {candidate.description}\n{candidate.python}  # {how}"


def _table(plan: Plan) -> str:
    header = (
        f"{'':2}{'best of each policy':64} {'requests/s':>10} {'mean':>9} {'p99':>9}"
        f" {'saturation':>10} {'headroom':>8}"
    )
    lines = [_line(outcome, outcome is plan.chosen) for outcome in plan.outcomes]
    return "\n".join([header, *lines, *_notes(plan)])


def _line(outcome: Outcome, chosen: bool) -> str:
    marks = f"{'' if outcome.steady else ' *'}{'' if outcome.candidate.gains_enough else ' ~'}"
    saturation = "" if outcome.saturation is None else f"{outcome.saturation:.4g}"
    headroom = "" if outcome.headroom is None else f"{outcome.headroom:.2f}"
    return (
        f"{'>' if chosen else '':2}{outcome.candidate.description + marks:64} {outcome.rate:10.4g}"
        f" {outcome.mean:9.4g} {outcome.p99:9.4g} {saturation:>10} {headroom:>8}"
    )


def _notes(plan: Plan) -> list[str]:
    notes = ["headroom: saturation, the highest stable rate, ÷ requests/s"]
    if not all(outcome.steady for outcome in plan.outcomes):
        notes.append("* the backlog grows: these latencies depend on how long the run is")
    if not all(outcome.candidate.gains_enough for outcome in plan.outcomes):
        notes.append("~ the predictions do not justify these bins")
    return notes


def as_json(plan: Plan, workload: Workload) -> dict[str, Any]:
    """Returns the plan for ``json.dumps``: seconds, requests per second, steps."""
    settings = plan.question.settings.data
    return {
        "settings": {name: value for name, value in settings.items() if name not in CHOSEN},
        "requests": len(workload.played),
        "objective": asdict(plan.question.objective),
        "meets": plan.chosen.meets,
        "chosen": _row(plan.chosen),
        "policies": [_row(outcome) for outcome in plan.outcomes],
        "highest": None if plan.highest is None else _row(plan.highest),
        "advice": advice(plan),
    }


def _row(outcome: Outcome) -> dict[str, Any]:
    return {
        **_candidate(outcome.candidate),
        "rate": outcome.rate,
        "meets": outcome.meets,
        "steady": outcome.steady,
        "latency": {"mean": outcome.mean, "p99": outcome.p99},
        "saturation": outcome.saturation,
        "headroom": outcome.headroom,
    }


def _candidate(candidate: Candidate) -> dict[str, Any]:
    return {
        "policy": candidate.policy.name,
        "description": candidate.description,
        "python": candidate.python,
        "batch_size": candidate.batch_size,
        "bins": len(candidate.edges),
        "edges": candidate.edges.bounds.tolist(),
        "max_wait": candidate.max_wait,
        "max_parked": candidate.max_parked,
        "gain_in_full_batches": candidate.gain,
    }
