"""Shows results as text and as JSON."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from multibin.costs import Costs, CostTable
from multibin.lab.compare._play import Result
from multibin.lab.compare._policies import Fit
from multibin.lab.compare._prefix_cache import describe_prefix_cache, prefix_cache_as_json
from multibin.lab.compare._settings import Settings
from multibin.lab.compare._workloads import SAMPLE, Workload, describe_arrivals
from multibin.lab.traces import Trace, trace_as_json

__all__ = [
    "as_json",
    "describe",
    "describe_costs",
    "describe_predictions",
    "predictions_of",
    "table",
]

UNITS = {
    "fixed": "",
    "prompt_token": " per new prompt token",
    "moved_row": " per moved row",
    "step": " per step of the longest run",
    "row_step": " per row and step",
    "kv_token": " per cached token and step",
    "padded_token": " per padded token and step",
}
"""What each cost of the linear model is paid for."""


def describe(settings: Settings, workload: Workload, fit: Fit) -> str:
    """Returns the configuration in several lines: requests, lengths, servers, bins.

    >>> from multibin.lab.compare import Settings, Workload, describe, fit
    >>> from multibin.lab.traces import chat
    >>> trace, settings = chat(200, seed=0), Settings("chat")
    >>> workload = Workload(trace, trace.output_tokens, source="200 invented requests")
    >>> describe(settings, workload, fit(settings, workload.sample)).splitlines()[0]
    '200 invented requests'
    """
    lengths = workload.played.output_tokens
    lines = [
        workload.source,
        f"output tokens: mean {lengths.mean():.1f}, longest {lengths.max()};"
        f" predictions: {describe_predictions(settings, workload)}",
        _describe_servers(settings),
        *_describe_prefix_cache(settings, workload),
        f"{len(fit.edges)} {settings.edges} bins and {len(fit.levels)} levels to climb (a move"
        f" costs {settings.move_cost:g} steps), fitted to the true lengths of {SAMPLE:,} requests"
        " drawn from the trace independently of those played",
        f"latencies and waits without the first {settings.warm_up:.0%} of the requests, in seconds",
    ]
    if workload.stationary is not None:
        lines.append(
            f"saturation: the highest rate at which the backlog of {len(workload.stationary):,}"
            f" drawn requests, {describe_arrivals(settings)} arrivals, does not grow"
        )
    return "\n".join(lines)


def describe_predictions(settings: Settings, workload: Workload) -> str:
    """Returns what the predicted lengths are.

    >>> from multibin.lab.compare import Settings, Workload, describe_predictions
    >>> from multibin.lab.traces import chat
    >>> trace = chat(10, seed=0)
    >>> workload = Workload(trace, trace.output_tokens, "chat")
    >>> describe_predictions(Settings("chat", sigma=0.5), workload)
    'true lengths × exp(0.5·Z)'
    """
    return predictions_of(settings, workload.played)


def predictions_of(settings: Settings, trace: Trace) -> str:
    """Returns what the predicted lengths of a trace are.

    >>> from multibin.lab.compare import Settings, predictions_of
    >>> from multibin.lab.traces import chat
    >>> predictions_of(Settings("chat"), chat(10, seed=0))
    'true lengths'
    """
    if settings.shuffled:
        return "true lengths of other requests"
    if settings.sigma:
        return f"true lengths × exp({settings.sigma:g}·Z)"
    known = trace.predicted is None or settings.sigma == 0
    return "true lengths" if known else "the trace's"


def _describe_prefix_cache(settings: Settings, workload: Workload) -> list[str]:
    return describe_prefix_cache(settings, _cached(settings, workload), drawn=_drawn(settings))


def _cached(settings: Settings, workload: Workload) -> Trace:
    """Returns the rows in whose order the prefix cache was filled."""
    whole = workload.trace if _drawn(settings) else None
    return workload.played if whole is None else whole


def _drawn(settings: Settings) -> bool:
    return settings.rate is not None or settings.users is not None


def _describe_servers(settings: Settings) -> str:
    ends = {"batch": "the end of its batch (continuous: of its chunk)", "row": "its own last step"}
    servers = f"{settings.servers} server{'s' if settings.servers > 1 else ''}"
    if settings.max_resident is not None:
        servers += f" with room for the state of {settings.max_resident} rows"
    return (
        f"{servers}, batches of {settings.batch_size}; a batch takes"
        f" {describe_costs(settings.costs)}; a request is answered at"
        f" {ends[settings.costs.completes]}"
    )


def describe_costs(costs: Costs) -> str:
    """Returns how long a batch takes.

    >>> import multibin as mb
    >>> from multibin.lab.compare import describe_costs
    >>> describe_costs(mb.CostModel(fixed=0.05, step=0.02))
    '0.05 s + 0.02 s per step of the longest run'
    """
    if isinstance(costs, CostTable):
        axes = (("rows", costs.rows), ("tokens", costs.tokens))
        ranges = ", ".join(f"{name} {axis[0]} to {axis[-1]}" for name, axis in axes)
        model = costs.about.get("model")
        of = f" of {model}" if model else ""
        return f"what was measured{of} ({ranges}; unlike rows count as their {costs.counts})"
    seconds = costs.parameters
    return " + ".join(f"{seconds[name]:g} s{unit}" for name, unit in UNITS.items() if seconds[name])


def table(results: Sequence[Result]) -> str:
    """Returns a line for each policy, with ratios to the first one in brackets.

    >>> from multibin.lab.compare import Settings, by_name, compare, fit, table
    >>> from multibin.lab.traces import chat
    >>> trace, settings = chat(200, seed=0), Settings("chat")
    >>> bins = fit(settings, trace.output_tokens)
    >>> results = list(compare(settings, trace, bins, by_name(["elastic"])))
    >>> [line.split()[0] for line in table(results).splitlines()[:3]]
    ['policy', 'fifo', 'elastic']
    """
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
    """Returns None where everything takes less than a nanosecond of the clock."""
    return value / base if base else None


def _notes(results: Sequence[Result]) -> list[str]:
    notes = [
        "in brackets: × fifo. wait: until the first batch. slots used: useful steps ÷ (batch size ×"
        " steps). entries: batches a request was in"
    ]
    if not all(result.steady for result in results):
        notes.append("* the backlog grows: these latencies depend on how long the run is")
    return notes


def as_json(
    settings: Settings, workload: Workload, fit: Fit, results: Sequence[Result]
) -> dict[str, Any]:
    """Returns settings and results for ``json.dumps``: seconds, requests per second, steps.

    >>> from multibin.lab.compare import Settings, Workload, as_json, by_name, compare, fit
    >>> from multibin.lab.traces import chat
    >>> trace, settings = chat(200, seed=0), Settings("chat")
    >>> workload = Workload(trace, trace.output_tokens, source="chat")
    >>> bins = fit(settings, workload.sample)
    >>> results = list(compare(settings, trace, bins, by_name([])))
    >>> as_json(settings, workload, bins, results)["policies"][0]["policy"]
    'fifo'
    """
    return {
        "settings": settings.data,
        "trace": None if workload.trace is None else trace_as_json(workload.trace),
        "source": workload.source,
        "requests": len(workload.played),
        "prefix_cache": prefix_cache_as_json(settings, _cached(settings, workload)),
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
