"""What a batcher counts, and what it believes of its costs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypedDict

if TYPE_CHECKING:
    from multibin.batcher._runtime import Runtime

__all__ = ["BatcherStats", "prometheus", "stats"]


class BatcherStats(TypedDict):
    """The counts of a batcher since it was made, at one moment; ready for JSON."""

    submitted: int
    """Items that were accepted."""
    waiting: int
    """Items that wait for a batch now."""
    running: int
    """Items in batches that run now."""
    cost: int
    """The cost of the items that wait or run."""
    answered: int
    """Items whose callers got a result, or an exception that the function returned for them."""
    failed: int
    """Items that failed with their batch, with its worker, or at the end."""
    cancelled: int
    expired: int
    refused: int
    """Items that found no room."""
    batches: int
    """Batches that ran without an error."""
    mean_rows: float
    """Their rows, on average."""
    mean_seconds: float
    """Their seconds, on average."""
    useful: float
    """Their items' lengths, as a share of rows × the longest length: 1 is no padding."""
    keys: int
    """Keys of which items wait or run, or did lately; 1 without ``key``."""
    costs: dict[str, Any]
    """What the batcher believes of its costs, in words."""


def stats(runtime: Runtime) -> BatcherStats:
    """Returns the counts of all keys together."""
    lanes = runtime.lanes.all()
    each = [lane.scheduler.stats() for lane in lanes]
    counts, learning, failed = runtime.lanes.counts(), runtime.learning, runtime.failed
    batches = max(learning.batches, 1)
    return {
        "submitted": counts["submitted"],
        "waiting": sum(one["waiting"] for one in each),
        "running": sum(one["leased"] for one in each),
        "cost": runtime.limit.cost,
        "answered": max(0, counts["done"] - failed),
        "failed": failed,
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
GAUGES = ("waiting", "running", "cost", "mean_rows", "mean_seconds", "useful", "keys")


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
