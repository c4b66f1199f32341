"""Pictures. Needs the extra ``plot`` (matplotlib)."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from multibin.demo import Result
    from multibin.llm.outputs import BatchRecord

USEFUL, WASTED = "#2b6cb0", "#f4b8a8"


def wasted_slots(results: Sequence[Result], path: str | Path) -> None:
    """One panel a policy: every slot of every batch over the steps, what was useful and what
    waited for the batch's longest row. All panels share one scale.
    """
    # Not pyplot: a figure of its own needs no display and leaves the caller's state alone.
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(12, 1.6 * len(results) + 0.9), layout="constrained")
    FigureCanvasAgg(figure)
    panels = figure.subplots(len(results), sharex=True, squeeze=False)[:, 0]
    for panel, result in zip(panels, results, strict=True):
        _panel(panel, result)
    panels[-1].set_xlabel("steps (one token a row each)")
    panels[-1].set_xlim(0)
    figure.legend(*panels[0].get_legend_handles_labels(), loc="outside upper right", ncols=2)
    figure.savefig(path, dpi=110)


def _panel(panel: Any, result: Result) -> None:
    ends = _draw(panel, result.records, result.batch_size)
    # Thin enough not to hide short batches.
    panel.vlines(ends, 0, result.batch_size, color="white", linewidth=min(0.5, 20 / len(ends)))
    panel.set_ylim(0, result.batch_size)
    panel.set_ylabel("slot")
    panel.set_title(
        f"{result.policy.name}: {result.slot_efficiency:.0%} of the slots useful,"
        f" {result.steps:,} steps",
        loc="left",
        fontsize=10,
    )


def _draw(panel: Any, records: Sequence[BatchRecord], batch_size: int) -> list[int]:
    """Draws the bars of each slot; returns the step at which each batch ends."""
    useful: list[list[tuple[int, int]]] = [[] for _ in range(batch_size)]
    wasted: list[list[tuple[int, int]]] = [[] for _ in range(batch_size)]
    start, ends = 0, []
    for record in records:
        tokens = sorted(record.tokens, reverse=True) + [0] * (batch_size - record.rows)
        for slot, count in enumerate(tokens):
            useful[slot].append((start, count))
            wasted[slot].append((start + count, record.steps - count))
        start += record.steps
        ends.append(start)
    for slot in range(batch_size):
        named = slot == 0
        panel.broken_barh(
            useful[slot], (slot, 0.9), color=USEFUL, label="useful" if named else None
        )
        panel.broken_barh(
            wasted[slot], (slot, 0.9), color=WASTED, label="wasted" if named else None
        )
    return ends
