"""Says what a learner believes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from multibin.costs._table import CostTable

__all__ = ["report", "thinned"]

Floats = NDArray[np.float64]

DENSITY = 3.0
"""Points of an axis in each doubling."""

QUANTILES = (0.1, 0.5, 0.9)
"""Of the longest rows: the lengths that a report shows."""


NEAR = 1.05
"""More rows pay only if they save more than this factor in seconds per row."""


def thinned(low: int, high: int) -> list[int]:
    """Returns integers from ``low`` to ``high``, both included, about three for each doubling."""
    count = max(2, round(DENSITY * np.log2(high / low)) + 1)
    return sorted({round(point) for point in np.geomspace(low, high, count)})


def report(table: CostTable | None, longest: Floats, state: Mapping[str, Any]) -> dict[str, Any]:
    """Returns ``state`` and what the table says at the usual lengths."""
    batches = state["batches"]
    if table is None:
        return {"says": f"after {batches} batches the costs are not known yet", **state}
    usual = [int(length) for length in np.quantile(longest, QUANTILES)]
    size, middle = state["batch_size"], usual[1]
    pays = {length: best_rows(table, length, size) for length in usual}
    sizes = sorted({1, pays[middle], size})
    seconds = {rows: table.seconds("prefill", rows, middle) for rows in sizes}
    return {
        "says": _sentence(middle, seconds, pays[middle], batches),
        **state,
        "length": middle,
        "seconds_of_one_row": seconds[1],
        "seconds_of_full_batch": seconds[size],
        "rows_that_pay": pays,
    }


def best_rows(table: CostTable, length: int, batch_size: int) -> int:
    """Returns the fewest rows whose seconds per row are within 5 % of the least."""
    rows = np.arange(1, batch_size + 1)
    each = np.array([table.seconds("prefill", int(count), length) / count for count in rows])
    return int(rows[np.argmax(each <= NEAR * each.min())])


def _sentence(length: int, seconds: dict[int, float], pays: int, batches: int) -> str:
    """Returns what a row takes alone, in a batch of the rows that pay, and in a full one."""
    alone, *more = seconds.items()
    each = " and ".join(f"{_time(all_ / rows)} in a batch of {rows}" for rows, all_ in more)
    row = "1 row pays: batching gains nothing" if pays == 1 else f"{pays} rows pay"
    shared = f", and a row takes {each}" if more else ""
    return (
        f"at length {length} one row takes {_time(alone[1])}{shared}, so {row}"
        f" (after {batches} batches)"
    )


def _time(seconds: float) -> str:
    return f"{seconds:.3g} s" if seconds >= 1 else f"{1e3 * seconds:.3g} ms"
