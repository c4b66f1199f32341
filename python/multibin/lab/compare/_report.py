"""Results as text and as JSON."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from multibin.costs import Costs, CostTable
from multibin.lab.compare._play import Result
from multibin.lab.compare._policies import Fit
from multibin.lab.compare._settings import Settings
from multibin.lab.compare._workloads import SAMPLE, Workload, process

__all__ = ["configuration", "data", "seconds_in_words", "table"]

COSTS = {
    "fixed": "",
    "prompt_token": " per new prompt token",
    "moved_row": " per moved row",
    "step": " per step of the longest run",
    "row_step": " per row and step",
    "kv_token": " per cached token and step",
    "padded_token": " per padded token and step",
}
"""What each cost is paid for."""


def configuration(settings: Settings, load: Workload, fit: Fit) -> str:
    """What was played and how, in words, several lines."""
    lengths = load.played.output_tokens
    lines = [
        load.source,
        f"output tokens: mean {lengths.mean():.1f}, longest {lengths.max()};"
        f" predictions: {predictions_in_words(settings, load)}",
        _servers(settings),
        f"{len(fit.edges)} {settings.edges} bins and {len(fit.levels)} levels to climb (a move"
        f" costs {settings.move_cost:g} steps), fitted to the true lengths of {SAMPLE:,} requests"
        " drawn from the trace independently of those played",
        f"latencies and waits without the first {settings.warm_up:.0%} of the requests, in seconds",
    ]
    if load.stationary is not None:
        lines.append(
            f"saturation: the highest rate at which the backlog of {len(load.stationary):,} drawn"
            f" requests, {process(settings)} arrivals, does not grow"
        )
    return "\n".join(lines)


def predictions_in_words(settings: Settings, load: Workload) -> str:
    if settings.shuffled:
        return "true lengths of other requests"
    if settings.sigma:
        return f"true lengths × exp({settings.sigma:g}·Z)"
    return "true lengths" if load.played.predicted is None or settings.sigma == 0 else "the trace's"


def _servers(settings: Settings) -> str:
    answer = {"batch": "the end of its batch (refill: of its chunk)", "row": "its own last step"}[
        settings.costs.completes
    ]
    servers = f"{settings.servers} server{'s' if settings.servers > 1 else ''}"
    if settings.max_resident is not None:
        servers += f" with room for the state of {settings.max_resident} rows"
    return (
        f"{servers}, batches of {settings.batch_size}; a batch takes"
        f" {seconds_in_words(settings.costs)}; a request is answered at {answer}"
    )


def seconds_in_words(costs: Costs) -> str:
    """What a batch takes."""
    if isinstance(costs, CostTable):
        ranges = [
            f"{name} {axis[0]} to {axis[-1]}"
            for name, axis in (("rows", costs.rows), ("tokens", costs.tokens))
        ]
        about = costs.about.get("model")
        of = f" of {about}" if about else ""
        return (
            f"what was measured{of} ({', '.join(ranges)}; unlike rows count as their"
            f" {costs.counts})"
        )
    given = costs.parameters
    return " + ".join(f"{given[name]:g} s{words}" for name, words in COSTS.items() if given[name])


def table(results: Sequence[Result]) -> str:
    """One line a policy, ratios to the first one in brackets."""
    header = (
        f"{'policy':16} {'requests/s':>10} {'mean latency':>16} {'p50':>8} {'p99':>16} {'p99.9':>8}"
        f" {'longest 1 %: p99 wait':>22} {'slots used':>10} {'entries':>7}"
    )
    if results[0].saturation is not None:
        header += f" {'saturation':>16}"
    lines = [header, *(_line(result, results[0]) for result in results)]
    return "\n".join([*lines, "", *_notes(results)])


def _line(result: Result, first: Result) -> str:
    used = result.slot_efficiency
    p99 = _with_ratio(result.latency_at(0.99), first.latency_at(0.99))
    line = (
        f"{result.policy.name + ('' if result.steady else ' *'):16} {result.throughput:10.4g}"
        f" {_with_ratio(result.latency.mean(), first.latency.mean()):>16}"
        f" {result.latency_at(0.5):8.4g} {p99:>16} {result.latency_at(0.999):8.4g}"
        f" {result.longest_wait_p99:22.4g} {'' if used is None else f'{used:.3f}':>10}"
        f" {result.entries:7.2f}"
    )
    if result.saturation is None or first.saturation is None:
        return line
    return f"{line} {_with_ratio(result.saturation, first.saturation):>16}"


def _with_ratio(value: float, base: float) -> str:
    ratio = _ratio(value, base)
    return f"{value:.4g} ({'-' if ratio is None else f'{ratio:.3f}'})"


def _ratio(value: float, base: float) -> float | None:
    """None where everything takes less than the clock's nanosecond."""
    return value / base if base else None


def _notes(results: Sequence[Result]) -> list[str]:
    notes = [
        "in brackets: × fifo. wait: until the first batch. slots used: useful steps ÷ (batch size ×"
        " steps). entries: batches a request was in"
    ]
    if not all(result.steady for result in results):
        notes.append("* the backlog grows: these latencies depend on how long the run is")
    return notes


def data(settings: Settings, load: Workload, fit: Fit, results: Sequence[Result]) -> dict[str, Any]:
    """Everything for ``json.dumps``: the settings, what came of them, a list of the policies.
    Seconds, requests per second, steps.
    """
    return {
        "settings": settings.data,
        "source": load.source,
        "requests": len(load.played),
        "edges": fit.edges.bounds.tolist(),
        "levels": fit.levels.bounds.tolist(),
        "move_cost": settings.move_cost,
        "policies": [_row(result, results[0]) for result in results],
    }


def _row(result: Result, first: Result) -> dict[str, Any]:
    mean, p99 = float(result.latency.mean()), result.latency_at(0.99)
    return {
        "policy": result.policy.name,
        "throughput": result.throughput,
        "steady": result.steady,
        "latency": {
            "mean": mean,
            "p50": result.latency_at(0.5),
            "p99": p99,
            "p99.9": result.latency_at(0.999),
        },
        "relative_to_fifo": {
            "mean": _ratio(mean, float(first.latency.mean())),
            "p99": _ratio(p99, first.latency_at(0.99)),
        },
        "longest": {
            "wait_p99": result.longest_wait_p99,
            "latency_p99": result.longest_latency_p99,
        },
        "slot_efficiency": result.slot_efficiency,
        "entries_per_request": result.entries,
        "saturation": result.saturation,
    }
