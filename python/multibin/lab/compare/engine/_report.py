"""Shows what the engine's runs measured as text."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

from multibin.lab.compare.engine._result import EngineComparison, EngineResult

__all__ = ["describe", "table"]

COLUMNS = 100


def describe(found: EngineComparison) -> str:
    """Returns some answers, where prompts are text, and the configuration in lines.

    >>> from multibin.lab.compare.engine import EngineComparison, describe
    >>> print(describe(EngineComparison("1 request; a model", [], [("Two and two?", "4")])))
    Two and two?
      4
    <BLANKLINE>
    1 request; a model
    """
    return "\n\n".join([*(_answer(*pair) for pair in found.answers), found.about])


def _answer(prompt: str, text: str) -> str:
    options = {"width": COLUMNS, "initial_indent": "  ", "subsequent_indent": "  "}
    lines = [textwrap.fill(line, **options) for line in text.splitlines() if line.strip()]  # type: ignore[arg-type]
    return "\n".join([prompt, *lines])


def table(results: Sequence[EngineResult]) -> str:
    """Returns a line for each policy, with ratios to the first one in brackets."""
    header = (
        f"{'policy':26} {'requests/s':>10} {'useful tokens/s':>16} {'slot efficiency':>16}"
        f" {'steps':>6} {'rows computed':>13} {'mean latency':>12} {'p99':>7}"
    )
    return "\n".join([header, *(_line(result, results[0]) for result in results)])


def _line(result: EngineResult, first: EngineResult) -> str:
    slots = result.slots
    return (
        f"{result.policy.title:26} {result.requests / result.seconds:10.1f}"
        f" {result.rate:7.0f} ({result.rate / first.rate:4.2f} x)"
        f" {slots.efficiency:7.3f} ({slots.efficiency / first.slots.efficiency:4.2f} x)"
        f" {slots.steps:6,} {slots.rows_computed:13,}"
        f" {result.mean_latency:10.2f} s {result.latency_at(0.99):5.2f} s"
    )
