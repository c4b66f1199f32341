"""The types of what ``Scheduler.stats()`` returns: plain numbers, as JSON takes them."""

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
    """Without rows: they handed back who expired while nothing could leave."""


class BinStats(TypedDict):
    """What waits in one bin, and what the batches were that it led."""

    waiting: int
    """Requests that wait in the bin."""
    parked: int
    """Those among them that climb."""
    oldest: float
    """Seconds since the arrival of who heads the bin's queues, 0 when nobody waits."""
    arrivals: int
    """First entries."""
    batches: Reasons
    """Batches that a request of this bin led."""
    rows: int
    """Rows in them, whatever their bins."""
    padded: int
    """Predicted steps that they pay for: rows × the longest predicted length, summed."""
    useful: int
    """The sum of their predicted lengths; ``1 - useful / padded`` is padding."""


class Waits(TypedDict):
    """Seconds that rows of batches had waited since they last entered a queue."""

    bounds: list[float]
    """Upper bounds of all buckets but the last, which has none: 2^i µs. A bound belongs to its
    bucket."""
    counts: list[int]
    """Rows in each bucket, not cumulative; one more than there are bounds."""
    sum: float
    """Of all of them, in seconds."""


class Gate(TypedDict):
    """Where the gate stands (``adapt``); open without one."""

    open: bool
    gain: float | None
    """Of bins over one bin, when it was last computed."""
    closed: int
    opened: int
    """How often it did."""


class Edges(TypedDict):
    """How edges followed the traffic (``adapt``)."""

    fits: int
    swaps: int
    drifts: int


class Adaptation(TypedDict):
    """What adaptation did in all (``Records.adaptation``)."""

    gate: Gate
    edges: Edges


class Stats(TypedDict):
    """Counters since the scheduler was made, at one moment."""

    submitted: int
    taken: int
    resubmitted: int
    restarted: int
    """Climbers whose worker went away."""
    cancelled: int
    expired: int
    done: int
    lost: int
    waiting: int
    """Requests that wait now."""
    leased: int
    """Rows in open leases now."""
    refused: int
    """Rows refused for want of room, each at its final answer."""
    capacity: int
    """The most requests that wait or are leased."""
    batches: Reasons
    bins: list[BinStats]
    """One for each queue (``max_bins``)."""
    waits: Waits
    gate: Gate
    edges: Edges
