"""Times that a benchmark measured, a row per request of a trace."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from multibin import _args
from multibin._args import Floats

__all__ = ["Measured"]


@dataclass(frozen=True, eq=False)
class Measured:
    """Seconds that each request took, shape ``[n]``, read-only; NaN where they are unknown.

    A slice, a mask or positions take rows.

    Raises:
        TypeError: a dtype is not one of numbers.
        ValueError: arrays differ in length, or a time is infinite or below 0.

    >>> import numpy as np
    >>> from multibin.lab.traces import Measured
    >>> measured = Measured(ttft=[0.1, 0.2], latency=[1.1, np.nan], tpot=[0.01, np.nan])
    >>> measured[:1].latency.tolist(), len(measured)
    ([1.1], 2)
    """

    ttft: Floats
    """Time to first token: from sending the request to its first token."""
    latency: Floats
    """End-to-end latency: from sending the request to its last token."""
    tpot: Floats
    """Mean time per output token after the first one; NaN for an answer of one token."""

    def __post_init__(self) -> None:
        for name in ("ttft", "latency", "tpot"):
            view = _seconds(name, getattr(self, name)).view()
            if len(view) != len(self.ttft):
                rule = f"as long as ttft, {len(self.ttft)} values"
                raise ValueError(f"{name} must be {rule}, got {len(view)}")
            view.flags.writeable = False
            object.__setattr__(self, name, view)

    def __len__(self) -> int:
        return len(self.ttft)

    def __getitem__(self, rows: slice | NDArray[np.integer] | NDArray[np.bool_]) -> Measured:
        return Measured(self.ttft[rows], self.latency[rows], self.tpot[rows])


def _seconds(name: str, value: Floats) -> Floats:
    array = _args.vector(name, value)
    if array.size and array.dtype.kind not in "iuf":
        raise TypeError(f"{name} must have a dtype of numbers, got {array.dtype}")
    times = array.astype(np.float64, copy=False)
    good = np.isnan(times) | ((times >= 0) & np.isfinite(times))
    return _args.require(name, times, good, "NaN, or finite and at least 0")
