"""The picture of the wasted slots. It needs the extra ``plot`` (matplotlib)."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from multibin.lab._canvas import canvas, save, title
from multibin.lab.compare.engine._report import TITLES
from multibin.lab.compare.engine._result import EngineResult
from multibin.llm._outputs import BatchRecord

__all__ = ["draw"]

USEFUL, WASTED = "#2b6cb0", "#f4b8a8"


def draw(results: Sequence[EngineResult], path: str | Path) -> None:
    """Draws a panel for each policy: the useful and the wasted slots of all batches, by step.

    A slot is wasted while it waits for the longest row of its batch. All panels share one scale.
    """
    figure = canvas(12, 1.6 * len(results) + 0.9)
    panels = figure.subplots(len(results), sharex=True, squeeze=False)[:, 0]
    for panel, result in zip(panels, results, strict=True):
        _panel(panel, result)
    panels[-1].set_xlabel("steps (one token a row each)")
    panels[-1].set_xlim(0)
    figure.legend(*panels[0].get_legend_handles_labels(), loc="outside upper right", ncols=2)
    save(figure, path)


def _panel(panel: Any, result: EngineResult) -> None:
    ends = _draw_slots(panel, result.records, result.batch_size)
    # Thin enough not to hide short batches.
    panel.vlines(ends, 0, result.batch_size, color="white", linewidth=min(0.5, 20 / len(ends)))
    panel.set_ylim(0, result.batch_size)
    panel.set_ylabel("slot")
    title(
        panel,
        f"{TITLES[result.policy.name]}: {result.slot_efficiency:.0%} of the slots useful,"
        f" {result.steps:,} steps",
    )


def _draw_slots(panel: Any, records: Sequence[BatchRecord], batch_size: int) -> list[int]:
    """Draws the bars of each slot and returns the step at which each batch ends."""
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
    # Slots that no batch used.
    panel.broken_barh([(0, start)], (slots, batch_size - slots), color=WASTED)
    for slot in range(slots):
        for bars, colour, label in ((useful, USEFUL, "useful"), (wasted, WASTED, "wasted")):
            named = label if slot == 0 else None
            panel.broken_barh(bars[slot], (slot, 0.9), color=colour, label=named)
    return ends
