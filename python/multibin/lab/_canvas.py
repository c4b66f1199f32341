"""Pictures. Needs the extra ``plot`` (matplotlib)."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from multibin.lab.compare._engine import Result
    from multibin.llm._outputs import BatchRecord

USEFUL, WASTED = "#2b6cb0", "#f4b8a8"

FORMATS = (".png", ".pdf", ".svg")


def check_target(path: str | Path) -> None:
    """Says now what would go wrong after a long run.

    Raises ``ValueError`` for a file that cannot be written or whose name has another ending than
    .png, .pdf or .svg.
    """
    path = Path(path)
    if path.suffix not in FORMATS:
        raise ValueError(f"plot: {str(path)!r} does not end in {', '.join(FORMATS)}")
    if path.is_dir() or not os.access(path if path.exists() else path.parent, os.W_OK):
        raise ValueError(f"plot: {str(path)!r} cannot be written")


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
    slots = max(record.rows for record in records)
    useful: list[list[tuple[int, int]]] = [[] for _ in range(slots)]
    wasted: list[list[tuple[int, int]]] = [[] for _ in range(slots)]
    start, ends = 0, []
    for record in records:
        tokens = sorted(record.tokens, reverse=True) + [0] * (slots - record.rows)
        for slot, count in enumerate(tokens):
            useful[slot].append((start, count))
            wasted[slot].append((start + count, record.steps - count))
        start += record.steps
        ends.append(start)
    # Slots that no batch ever used.
    panel.broken_barh([(0, start)], (slots, batch_size - slots), color=WASTED)
    for slot in range(slots):
        named = slot == 0
        panel.broken_barh(
            useful[slot], (slot, 0.9), color=USEFUL, label="useful" if named else None
        )
        panel.broken_barh(
            wasted[slot], (slot, 0.9), color=WASTED, label="wasted" if named else None
        )
    return ends
