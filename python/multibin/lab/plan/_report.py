"""The answer as text and as JSON."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from multibin.lab.compare import Workload
from multibin.lab.compare._report import predictions_in_words, seconds_in_words
from multibin.lab.compare._workloads import process
from multibin.lab.plan._advice import advice, wanted, words
from multibin.lab.plan._candidates import Candidate
from multibin.lab.plan._choice import Answer
from multibin.lab.plan._measure import Outcome
from multibin.lab.plan._question import Question

__all__ = ["data", "text"]

SUBMITTED = {
    "fifo": "lengths do not matter",
    "climb": "submit every request with length 0; resubmit who is unfinished",
    "climb-predicted": "submit predicted lengths; resubmit who is unfinished",
    "refill": "in the simulation; live, a back-end with continuous batching",
}
"""What goes with the line of Python."""


def text(answer: Answer, load: Workload) -> str:
    """The load, the plan as words and as Python, the table, the advice."""
    return "\n\n".join(
        [_load(answer.question, load), _plan(answer), _table(answer), advice(answer)]
    )


def _load(question: Question, load: Workload) -> str:
    settings, lengths = question.settings, load.played.output_tokens
    predictions = predictions_in_words(settings, load) if question.predictor else "none"
    return "\n".join(
        [
            f"{len(lengths):,} requests drawn from {settings.trace} (seed {settings.seed}),"
            f" {process(settings)} arrivals; wanted: {wanted(question.objective)}",
            f"output tokens: mean {lengths.mean():.1f}, longest {lengths.max()};"
            f" predictions: {predictions}",
            f"{settings.servers} server{'s' if settings.servers > 1 else ''}; a batch takes"
            f" {seconds_in_words(settings.costs)}; latencies are in seconds, without the first"
            f" {settings.warm_up:.0%} of the requests",
        ]
    )


def _plan(answer: Answer) -> str:
    candidate = answer.chosen.candidate
    title = "plan" if answer.chosen.meets else "no plan; the nearest"
    how = SUBMITTED.get(candidate.policy.name, "submit predicted lengths")
    return f"{title}: {words(candidate)}\n{candidate.line}  # {how}"


def _table(answer: Answer) -> str:
    header = (
        f"{'':2}{'best of each policy':64} {'requests/s':>10} {'mean':>9} {'p99':>9}"
        f" {'saturation':>10} {'headroom':>8}"
    )
    lines = [_line(outcome, outcome is answer.chosen) for outcome in answer.outcomes]
    return "\n".join([header, *lines, *_notes(answer)])


def _line(outcome: Outcome, chosen: bool) -> str:
    marks = f"{'' if outcome.steady else ' *'}{'' if outcome.candidate.worth else ' ~'}"
    saturation = "" if outcome.saturation is None else f"{outcome.saturation:.4g}"
    headroom = "" if outcome.headroom is None else f"{outcome.headroom:.2f}"
    return (
        f"{'>' if chosen else '':2}{words(outcome.candidate) + marks:64} {outcome.rate:10.4g}"
        f" {outcome.mean:9.4g} {outcome.p99:9.4g} {saturation:>10} {headroom:>8}"
    )


def _notes(answer: Answer) -> list[str]:
    notes = ["headroom: saturation, the highest stable rate, ÷ requests/s"]
    if not all(outcome.steady for outcome in answer.outcomes):
        notes.append("* the backlog grows: these latencies depend on how long the run is")
    if not all(outcome.candidate.worth for outcome in answer.outcomes):
        notes.append("~ the predictions are not worth these bins")
    return notes


def data(answer: Answer, load: Workload) -> dict[str, Any]:
    """Everything for ``json.dumps``. Seconds, requests per second, steps."""
    question = answer.question
    return {
        "settings": {
            name: value
            for name, value in question.settings.data.items()
            # Chosen, not read.
            if name not in ("policies", "bins", "levels", "edges", "batch_size", "chunk", "rate")
        },
        "requests": len(load.played),
        "objective": asdict(question.objective),
        "meets": answer.chosen.meets,
        "chosen": _row(answer.chosen),
        "policies": [_row(outcome) for outcome in answer.outcomes],
        "highest": None if answer.highest is None else _row(answer.highest),
        "advice": advice(answer),
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
        "words": words(candidate),
        "python": candidate.line,
        "batch_size": candidate.batch_size,
        "bins": len(candidate.edges),
        "edges": candidate.edges.bounds.tolist(),
        "max_wait": candidate.max_wait,
        "max_parked": candidate.max_parked,
        "gain_in_full_batches": candidate.gain,
    }
