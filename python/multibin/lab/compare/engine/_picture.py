"""The picture of the wasted slots. It needs the extra ``plot`` (matplotlib)."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from multibin._canvas import canvas, save, title
from multibin.lab.compare.engine._result import EngineResult
from multibin.lab.compare.engine._slots import Slots

__all__ = ["draw"]

USEFUL, WASTED = "#2b6cb0", "#f4b8a8"


def draw(results: Sequence[EngineResult], path: str | Path) -> None:
    """Draws a panel for each policy: the useful and the wasted slots of all batches, by step.

    A slot is wasted while it waits for the longest row of its batch. All panels share one scale.
    """
    figure = canvas(12, 1.3 * len(results) + 0.9)
    panels = figure.subplots(len(results), sharex=True, squeeze=False)[:, 0]
    for panel, result in zip(panels, results, strict=True):
        _panel(panel, result)
    panels[-1].set_xlabel("steps (one token a row each)")
    panels[-1].set_xlim(0)
    figure.legend(*panels[0].get_legend_handles_labels(), loc="outside upper right", ncols=2)
    save(figure, path)


def _panel(panel: Any, result: EngineResult) -> None:
    slots = result.slots
    _draw_slots(panel, slots)
    # Thin enough not to hide short batches.
    width = min(0.5, 20 / len(slots.ends))
    panel.vlines(slots.ends, 0, slots.batch_size, color="white", linewidth=width)
    panel.set_ylim(0, slots.batch_size)
    panel.set_ylabel("slot")
    title(
        panel,
        f"{result.policy.title}: {slots.efficiency:.0%} of the slots useful, {slots.steps:,} steps",
    )


def _draw_slots(panel: Any, slots: Slots) -> None:
    useful: list[list[tuple[int, int]]] = [[] for _ in range(slots.batch_size)]
    wasted: list[list[tuple[int, int]]] = [[] for _ in range(slots.batch_size)]
    for bar in slots.bars:
        # A bar without width would leave a line.
        if bar.useful:
            useful[bar.slot].append((bar.start, bar.useful))
        if bar.wasted:
            wasted[bar.slot].append((bar.start + bar.useful, bar.wasted))
    for slot in range(slots.batch_size):
        for bars, colour, label in ((useful, USEFUL, "useful"), (wasted, WASTED, "wasted")):
            named = label if slot == 0 else None
            panel.broken_barh(bars[slot], (slot, 0.9), color=colour, label=named)
