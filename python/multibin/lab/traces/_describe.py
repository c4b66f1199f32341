"""Says what a trace is: the file, what was left out, load and lengths."""

from __future__ import annotations

from typing import Any

import numpy as np

from multibin._args import Ints
from multibin.lab.traces._columns import listed
from multibin.lab.traces._names import UNITS
from multibin.lab.traces._source import Source
from multibin.lab.traces._trace import Trace
from multibin.lab.traces._units import ASSUMED

__all__ = ["describe_trace", "trace_as_json"]

RARE = 10.0
"""Mean seconds between requests from which a unit that is assumed may be wrong."""

QUANTILES = {"p50": 0.5, "p90": 0.9, "p99": 0.99}


def describe_trace(trace: Trace) -> str:
    """Returns several lines: the file, its columns, rows left out, load and lengths.

    >>> from multibin.lab.traces import describe_trace, from_arrays
    >>> print(describe_trace(from_arrays([7, 8, 9], [1, 5, 9], arrivals=[0, 1, 2])))
    3 requests
    times: span 2 s, 1 requests/s, coefficient of variation of the gaps 0 (1 is Poisson)
    prompt tokens: median 8, p90 9, p99 9, longest 9
    output tokens: median 5, p90 8, p99 9, longest 9
    """
    source = trace.source
    lines = [f"{len(trace):,} requests"] if source is None else _file(source)
    lines.append(_times(trace))
    lines += [f"{role} tokens: {_lengths(counts)}" for role, counts in _counts(trace).items()]
    lines += _more(trace)
    return "\n".join([*lines, *_notes(trace)])


def trace_as_json(trace: Trace) -> dict[str, Any]:
    """Returns what a trace is for ``json.dumps``: tokens, seconds, requests per second.

    What is unknown is None.

    >>> from multibin.lab.traces import from_arrays, trace_as_json
    >>> found = trace_as_json(from_arrays([7, 8], [1, 5], arrivals=[0, 2]))
    >>> found["requests"], found["rate"], found["output_tokens"]["max"]
    (2, 0.5, 5)
    """
    source = trace.source
    return {
        "file": None if source is None else source.path,
        "format": None if source is None else source.format,
        "rows": len(trace) + trace.dropped if source is None else source.rows,
        "requests": len(trace),
        "dropped": trace.dropped,
        "left_out": {} if source is None else dict(source.left_out),
        "columns": {} if source is None else dict(source.columns),
        "time_unit": None if source is None else source.time_unit,
        "notes": _notes(trace),
        "span": None if trace.arrivals is None else _span(trace),
        "rate": trace.rate if _has_rate(trace) else None,
        "burstiness": trace.burstiness if _has_rate(trace) else None,
        "measured": trace.measured is not None,
        "block_tokens": None if trace.prefixes is None else trace.prefixes.block_tokens,
        **{f"{role}_tokens": _quantiles(counts) for role, counts in _counts(trace).items()},
    }


def _file(source: Source) -> list[str]:
    reasons = "; ".join(f"{rows:,} left out: {why}" for why, rows in source.left_out.items())
    rows = f"{source.rows:,} rows" + (f", {reasons}" if reasons else ", none left out")
    columns = ", ".join(f"{role} = {name}" for role, name in source.columns.items())
    return [f"{source.path}: {source.format}, {rows}", f"columns: {columns}"]


def _times(trace: Trace) -> str:
    source = trace.source
    if source is not None and source.times_ignored:
        return "times: ignored"
    if trace.arrivals is None:
        return "times: none" + ("" if source is None else f", columns {listed(source.found)}")
    parts = [] if source is None or source.time_unit is None else [source.time_unit]
    if not _has_rate(trace):
        return f"times: {'; '.join([*parts, 'all at once'])}"
    load = f"span {_span(trace):.4g} s, {trace.rate:.4g} requests/s"
    spread = f"coefficient of variation of the gaps {trace.burstiness:.3g} (1 is Poisson)"
    return f"times: {'; '.join([*parts, f'{load}, {spread}'])}"


def _notes(trace: Trace) -> list[str]:
    source = trace.source
    if source is None:
        return []
    doubted = source.time_unit == ASSUMED and _has_rate(trace) and 1 / trace.rate > RARE
    return [*source.notes, *([_other_unit(trace.rate)] if doubted else [])]


def _other_unit(rate: float) -> str:
    """Returns the largest unit in which requests come more often, and the rate in it."""
    gaps = {unit: seconds / rate for unit, seconds in UNITS.items() if unit != "s"}
    unit = next((unit for unit, gap in gaps.items() if gap <= RARE), "ns")
    return (
        f"A request every {1 / rate:,.0f} s is rare: if the times are in {unit}, give --time-unit"
        f" {unit}, and the rate is {1 / gaps[unit]:.4g} requests/s."
    )


def _more(trace: Trace) -> list[str]:
    """Returns lines on what a benchmark measured and on prefixes, where there are such."""
    lines = []
    if (measured := trace.measured) is not None:
        known = [int((~np.isnan(times)).sum()) for times in (measured.ttft, measured.latency)]
        lines.append(f"measured: time to first token of {known[0]:,}, latency of {known[1]:,}")
    if trace.prefixes is not None:
        lines.append(f"prompts have hashes of their blocks of {trace.prefixes.block_tokens} tokens")
    return lines


def _counts(trace: Trace) -> dict[str, Ints]:
    counts = {"prompt": trace.prompt_tokens, "output": trace.output_tokens}
    return counts if trace.predicted is None else counts | {"predicted": trace.predicted}


def _lengths(counts: Ints) -> str:
    if len(counts) == 0:
        return "none"
    found = _quantiles(counts)
    parts = [f"median {found['p50']:,.0f}", *(f"{p} {found[p]:,.0f}" for p in ("p90", "p99"))]
    return ", ".join([*parts, f"longest {found['max']:,}"])


def _quantiles(counts: Ints) -> dict[str, Any]:
    if len(counts) == 0:
        return {}
    found = {name: float(np.quantile(counts, q)) for name, q in QUANTILES.items()}
    return {"mean": float(counts.mean()), **found, "max": int(counts.max())}


def _span(trace: Trace) -> float:
    assert trace.arrivals is not None
    return float(trace.arrivals[-1]) if len(trace) else 0.0


def _has_rate(trace: Trace) -> bool:
    return trace.arrivals is not None and _span(trace) > 0
