"""The types of what ``Scheduler.stats()`` returns: plain numbers, ready for JSON."""

from __future__ import annotations

from typing import TypedDict

__all__ = ["Adaptation", "BinStats", "Reasons", "Stats", "Waits"]


class Reasons(TypedDict):
    """Batches by the rule that let them leave."""

    light_load: int
    overdue: int
    full: int
    elastic: int
    drain: int
    expired: int
    """Batches without rows: they return requests that expired while no batch could leave."""


class BinStats(TypedDict):
    """The requests that wait in one bin, and the batches that it led."""

    waiting: int
    """Requests that wait in the bin."""
    parked: int
    """Climbers among them."""
    oldest: float
    """Age in seconds of the oldest head of the bin's queues, 0 when no request waits."""
    arrivals: int
    """Requests that entered the bin for the first time."""
    batches: Reasons
    """Batches that a request of this bin led, by rule."""
    rows: int
    """Rows of these batches, whatever their bins."""
    padded: int
    """Predicted steps of these batches: rows × the longest predicted length, summed."""
    useful: int
    """Predicted lengths of their rows, summed; ``1 - useful / padded`` is padding."""


class Waits(TypedDict):
    """Seconds that rows of batches waited since they last entered a queue."""

    bounds: list[float]
    """Upper bounds of the buckets, 2^i µs; the last bucket has none. A bound is in its bucket."""
    counts: list[int]
    """Rows in each bucket, not cumulative; one bucket more than there are bounds."""
    sum: float
    """The sum of all waits, in seconds."""


class GateState(TypedDict):
    """The state of the gate (``adapt``); open without one."""

    open: bool
    gain: float | None
    """The gain of bins over one bin, when it was last computed."""
    closed: int
    """Times that the gate closed."""
    opened: int
    """Times that the gate opened."""


class EdgeCounts(TypedDict):
    """Counts of how the edges followed the traffic (``adapt``)."""

    fits: int
    swaps: int
    drifts: int


class Adaptation(TypedDict):
    """Totals of adaptation (``Records.adaptation``)."""

    gate: GateState
    edges: EdgeCounts


class Stats(TypedDict):
    """Counters since the scheduler was made, at one moment."""

    submitted: int
    taken: int
    resubmitted: int
    restarted: int
    """Climbers that began again, as their worker is gone."""
    cancelled: int
    expired: int
    done: int
    lost: int
    waiting: int
    """Requests that wait now."""
    leased: int
    """Rows in open leases now."""
    refused: int
    """Rows refused as there was no room, each counted at its final answer."""
    capacity: int
    """The most requests that wait or are leased."""
    batches: Reasons
    bins: list[BinStats]
    """One for each queue (``max_bins``)."""
    waits: Waits
    gate: GateState
    edges: EdgeCounts
