"""Shows what the engine's runs measured as text."""

from __future__ import annotations

from collections.abc import Sequence

from multibin.lab.compare.engine._result import EngineComparison, EngineResult

__all__ = ["TITLES", "describe", "table"]

TITLES = {
    "fifo": "FIFO",
    "strict": "strict bins, true lengths",
    "elastic": "elastic bins, true lengths",
    "climb": "climbing, no prediction",
}
"""Titles of the policies, which say what they know of the lengths."""


def describe(found: EngineComparison) -> str:
    """Returns the configuration in three lines: requests, lengths and bins, model and machine."""
    lengths, fit = found.workload.played.output_tokens, found.fit
    return (
        f"{len(lengths)} requests, all present at the start; {found.workload.source}\n"
        f"output tokens: mean {lengths.mean():.1f}, longest {lengths.max()}; batch size"
        f" {fit.batch_size}; {len(fit.edges)} and {len(fit.levels)} bins (true lengths, climbing)"
        f" fitted on {len(found.workload.sample)} other requests\n"
        f"{found.model}; {found.machine}; medians of {found.settings.repeats} interleaved runs"
    )


def table(results: Sequence[EngineResult]) -> str:
    """Returns a line for each policy, with ratios to the first one in brackets."""
    header = (
        f"{'policy':26} {'requests/s':>10} {'useful tokens/s':>16} {'slot efficiency':>16}"
        f" {'steps':>6} {'rows computed':>13} {'mean latency':>12} {'p99':>7}"
    )
    return "\n".join([header, *(_line(result, results[0]) for result in results)])


def _line(result: EngineResult, first: EngineResult) -> str:
    rate = result.tokens / result.seconds
    speedup = first.seconds / result.seconds
    efficiency = result.slot_efficiency
    return (
        f"{TITLES[result.policy.name]:26} {result.requests / result.seconds:10.1f}"
        f" {rate:7.0f} ({speedup:4.2f} x)"
        f" {efficiency:7.3f} ({efficiency / first.slot_efficiency:4.2f} x)"
        f" {result.steps:6,} {result.rows_computed:13,}"
        f" {result.mean_latency:10.2f} s {result.latency_at(0.99):5.2f} s"
    )
