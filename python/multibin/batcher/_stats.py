"""What a batcher counts, and what it believes of its costs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypedDict

if TYPE_CHECKING:
    from multibin.batcher._runtime import Runtime

__all__ = ["BatcherStats", "prometheus", "stats"]


class BatcherStats(TypedDict):
    """The counts of a batcher since it was made, at one moment; ready for JSON."""

    submitted: int
    """Items that got a future, those in line for room included."""
    in_line: int
    """Items that stand in line for room now (``on_full="wait"``)."""
    waiting: int
    """Items that wait for a batch now."""
    running: int
    """Items in batches that run now, those cancelled since included."""
    cost: int
    """The cost of the items that wait or run."""
    answered: int
    """Items whose callers got a result, or an exception that the function returned for them."""
    failed: int
    """Items that failed with their batch, with its worker, or at the end of the batcher."""
    cancelled: int
    """Items whose callers gave up while they stood in line, waited or ran."""
    expired: int
    """Items whose ``ttl`` was over in line or before a batch took them."""
    refused: int
    """Items whose callers got ``FullError``: without room, or dropped for a newer item."""
    batches: int
    """Batches that ran without an error."""
    mean_rows: float
    """The items of these batches, on average."""
    mean_seconds: float
    """Their seconds, on average."""
    useful: float
    """The sum of their items' lengths, as a share of rows × longest length: 1 is no padding."""
    keys: int
    """Keys that have items, and up to 64 that had some lately; 1 without ``key``."""
    costs: dict[str, Any]
    """What a batcher with ``costs="learn"`` believes of its costs; else it may be empty."""


def stats(runtime: Runtime) -> BatcherStats:
    """Returns the counts of all keys together."""
    runtime.check_fork()
    lanes, limit, learning = runtime.lanes.all(), runtime.limit, runtime.learning
    counts, batches = limit.counts, max(learning.batches, 1)
    waiting = sum(lane.waiting for lane in lanes)
    return {
        "submitted": counts["submitted"],
        "in_line": limit.in_line,
        "waiting": waiting,
        "running": max(0, limit.items - waiting),
        "cost": limit.cost,
        "answered": counts["answered"],
        "failed": counts["failed"],
        "cancelled": counts["cancelled"],
        "expired": counts["expired"],
        "refused": counts["refused"],
        "batches": learning.batches,
        "mean_rows": learning.rows / batches,
        "mean_seconds": learning.seconds / batches,
        "useful": learning.useful / learning.padded if learning.padded else 1.0,
        "keys": len(lanes),
        "costs": learning.report(),
    }


COUNTERS = ("submitted", "answered", "failed", "cancelled", "expired", "refused", "batches")
GAUGES = ("in_line", "waiting", "running", "cost", "mean_rows", "mean_seconds", "useful", "keys")


def prometheus(runtime: Runtime, labels: dict[str, str] | None) -> str:
    """Returns the counts of the batcher, and without ``key`` those of its scheduler."""
    numbers: dict[str, Any] = dict(stats(runtime))
    tags = {"batcher": runtime.name, **(labels or {})}
    shown = ",".join(f'{name}="{_escaped(value)}"' for name, value in tags.items())
    lines = []
    for name in COUNTERS:
        metric = f"multibin_batcher_{name}_total"
        lines += [f"# TYPE {metric} counter", f"{metric}{{{shown}}} {numbers[name]}"]
    for name in GAUGES:
        metric = f"multibin_batcher_{name}"
        lines += [f"# TYPE {metric} gauge", f"{metric}{{{shown}}} {numbers[name]:g}"]
    text = "\n".join(lines) + "\n"
    if runtime.options.key is None:
        text += runtime.lanes.all()[0].scheduler.prometheus(labels=tags)
    return text


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
