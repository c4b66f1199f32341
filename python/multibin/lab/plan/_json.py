"""Shows the plan as JSON."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from multibin.lab.compare import prefix_cache_as_json
from multibin.lab.plan._advice import advice
from multibin.lab.plan._candidates import Candidate
from multibin.lab.plan._choice import Plan
from multibin.lab.plan._drift import differences, halves
from multibin.lab.plan._estimate import Estimate
from multibin.lab.plan._load import Load
from multibin.lab.plan._measure import Outcome

__all__ = ["as_json"]

SCHEMA, VERSION = "multibin.plan", 2
"""The name and the version of what ``multibin plan --json`` prints."""

CHOSEN = ("policies", "bins", "levels", "edges", "batch_size", "chunk", "rate", "speed")
"""Settings that are chosen, or that are those of the question."""


def as_json(plan: Plan, load: Load) -> dict[str, Any]:
    """Returns the plan for ``json.dumps``: seconds, requests per second, steps, tokens, bytes."""
    question, settings = plan.question, plan.question.settings.data
    return {
        "schema": SCHEMA,
        "version": VERSION,
        "settings": {name: value for name, value in settings.items() if name not in CHOSEN},
        "requests": len(load.base),
        "load": _load(plan, load),
        "objective": asdict(question.objective),
        "memory": {
            "kv_bytes_per_token": question.kv_bytes_per_token,
            "kv_budget": question.kv_budget,
            "kv_tokens": question.kv_tokens,
        },
        "prefix_cache": prefix_cache_as_json(load.settings, load.trace),
        "meets": plan.chosen.meets,
        "chosen": _row(plan.chosen),
        "policies": [_row(outcome) for outcome in plan.outcomes],
        "highest": None if plan.highest is None else _row(plan.highest),
        "advice": advice(plan),
    }


def _load(plan: Plan, load: Load) -> dict[str, Any]:
    drift = [] if load.rate is None else differences(*halves(load.trace))
    return {
        "arrivals": "own" if load.own else "drawn",
        "speed": plan.question.speed if load.own else None,
        "rate": load.rate,
        "cv": load.cv,
        "context": plan.question.context,
        "refused": load.refused,
        "shortened": load.shortened,
        "halves_differ": [asdict(each) for each in drift],
    }


def _row(outcome: Outcome) -> dict[str, Any]:
    figures = outcome.figures
    return {
        **_candidate(outcome.candidate),
        "rate": outcome.rate,
        "meets": outcome.meets,
        "steady": outcome.steady,
        "fits": outcome.fits,
        "latency": {"mean": figures.mean, "p50": figures.p50, "p99": figures.p99},
        **{name: figures.data[name] for name in ("ttft_p50", "ttft_p99", "tpot_p50", "tpot_p99")},
        "goodput": outcome.rate * figures.within,
        "resident_rows": int(figures.rows),
        "resident_tokens": int(figures.tokens),
        "parked_rows": int(figures.parked),
        "saturation": None if outcome.saturation is None else outcome.saturation.value,
        "headroom": outcome.headroom,
        "intervals": _intervals(outcome),
    }


def _intervals(outcome: Outcome) -> dict[str, list[float]]:
    """Returns the 90 % intervals of the figures that have one."""
    known: dict[str, Estimate] = dict(outcome.estimates)
    if outcome.saturation is not None:
        known["saturation"] = outcome.saturation
    return {
        name: [each.low, each.high]
        for name, each in known.items()
        if each.low is not None and each.high is not None
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
