"""What a benchmark observed: when requests came, when their first and last tokens came."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from multibin.lab.traces import Trace

__all__ = ["FEWEST", "Observed", "observe"]

Floats = NDArray[np.float64]

FEWEST = 20
"""Requests with measured times that a fit or a check needs."""


@dataclass(frozen=True, eq=False)
class Observed:
    """Columns of the requests whose times are known; shape ``[n]``."""

    rows: NDArray[np.int64]
    """Positions in the trace."""
    arrival: Floats
    """Seconds since the first request of the trace."""
    first_token: Floats
    """When the first token came."""
    finish: Floats
    """When the last token came."""
    prompt: Floats
    """Tokens of the prompt."""
    decoded: Floats
    """Tokens after the first one."""

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def ttft(self) -> Floats:
        """Returns the seconds to the first token."""
        return self.first_token - self.arrival

    @property
    def latency(self) -> Floats:
        """Returns the seconds to the last token."""
        return self.finish - self.arrival

    @property
    def tpot(self) -> Floats:
        """Returns the mean seconds of a token after the first one; NaN without such a token."""
        return time_per_token(self.first_token, self.finish, self.decoded)

    @property
    def slots(self) -> list[int]:
        """Returns numbers of slots that the engine may have had, increasing.

        They are the requests that were present at most, and those that generated at most. Others
        are those that generated in the fullest hundredth, tenth and half of the time.
        """
        present, _ = _occupancy(self.arrival, self.finish)
        running, lasting = _occupancy(self.first_token, self.finish)
        order = np.argsort(running)
        share = np.cumsum(lasting[order]) / max(float(lasting.sum()), 1e-300)
        at = np.searchsorted(share, [0.5, 0.9, 0.99]).clip(max=len(order) - 1)
        levels = {present.max(), running.max(), *running[order][at].tolist()}
        return sorted({max(1, int(level)) for level in levels})

    def waiting(self, slots: int) -> float:
        """Returns the share of requests that came while as many as the slots were present."""
        before = np.searchsorted(np.sort(self.arrival), self.arrival, side="left")
        present = before - np.searchsorted(np.sort(self.finish), self.arrival, side="right")
        # Of requests that come together, the later ones find the earlier ones.
        order = np.argsort(self.arrival, kind="stable")
        present[order] += np.arange(len(order)) - before[order]
        return float((present >= slots).mean())


def time_per_token(first_token: Floats, finish: Floats, decoded: Floats) -> Floats:
    """Returns the mean seconds of the tokens after the first one; NaN without any."""
    spent: Floats = np.full(len(decoded), np.nan)
    np.divide(finish - first_token, decoded, out=spent, where=decoded > 0)
    return spent


def _occupancy(start: Floats, end: Floats) -> tuple[NDArray[np.int64], Floats]:
    """Returns how many requests there were after each event, and for how long."""
    times = np.concatenate([end, start])
    change = np.repeat([-1, 1], len(start))
    # Where one request ends as another starts, the slot is free first.
    order = np.lexsort((change, times))
    return np.cumsum(change[order]), np.diff(times[order], append=times[order[-1]])


def observe(trace: Trace) -> Observed:
    """Returns what was measured of a trace.

    Without arrivals all requests come at time 0.

    Raises:
        ValueError: the trace has no measured times, or those of fewer than 20 requests.
    """
    if trace.measured is None:
        raise ValueError(
            f"{_name(trace)} has no measured times: it must have a time to first token and a"
            " latency for each request, as `vllm bench serve --save-result --save-detailed` writes"
        )
    ttft, decoded = trace.measured.ttft, trace.output_tokens - 1.0
    rest = np.where(decoded > 0, trace.measured.tpot * decoded, 0.0)
    latency = np.where(np.isnan(trace.measured.latency), ttft + rest, trace.measured.latency)
    known = np.flatnonzero(np.isfinite(ttft) & np.isfinite(latency) & (latency > 0))
    if len(known) < FEWEST:
        raise ValueError(
            f"{_name(trace)} must have at least {FEWEST} requests with a time to first token and a"
            f" latency, got {len(known)} of {len(trace)}"
        )
    arrival = np.zeros(len(trace)) if trace.arrivals is None else trace.arrivals
    first_token = arrival + ttft
    columns = {
        "arrival": arrival,
        "first_token": first_token,
        "finish": np.maximum(arrival + latency, first_token),
        "prompt": trace.prompt_tokens,
        "decoded": decoded,
    }
    taken = {name: np.asarray(each[known], np.float64) for name, each in columns.items()}
    return Observed(rows=known, **taken)


def _name(trace: Trace) -> str:
    return "the trace" if trace.source is None else f"the benchmark {trace.source.path}"
