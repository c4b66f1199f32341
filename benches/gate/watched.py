"""Claims about the gate of a simulated scheduler."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product

import numpy as np
from benches.gate.model import SHAPES, Cell, Size
from benches.gate.run import Play, Run, play
from benches.gate.scale import Scale, each
from benches.gate.tables import Bar, Found, claim

__all__ = ["between"]

TARGETS = (1.05, 1.1, 1.125, 1.15, 1.2)
"""True gains around the gate's limits."""
TURNS = 2
"""The most turns in 100,000 requests."""


def between(scale: Scale) -> Iterator[str]:
    """Predictions that are worth about as much as the gate asks for."""
    jobs = list(product(TARGETS, SHAPES, scale.chosen))

    def turns(job: tuple[float, str, Size]) -> tuple[float, Found] | None:
        target, shape, size = job
        lab, cell = scale.lab, Cell(shape, size, 0.0)
        error = lab.error_of(cell, target)
        if error is None:
            return None
        run = play(lab, cell.with_error(error), Play(), scale.longer)
        where = f"B = {size.batch_size}, {cell.where}"
        gain = lab.gain(cell.with_error(error))
        return gain, Found((f"{target:g}", shape), where, len(run.turns))

    tried = [result for result in each(jobs, turns) if result is not None]
    gains: dict[tuple[str, ...], list[float]] = {}
    for gain, found in tried:
        gains.setdefault(found.group, []).append(gain)
    limit = TURNS * scale.longer // 100_000
    yield claim(
        ["gain", "lengths"],
        Bar(limit, lambda turns: f"{turns:.0f}"),
        [found for _, found in tried],
        lambda group: [spread(gains[group])],
        ["true gains"],
    )


def spread(values: list[float], digits: int = 3) -> str:
    """The least and the greatest."""
    return f"{min(values):.{digits}f} to {max(values):.{digits}f}"
