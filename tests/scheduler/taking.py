"""Takes batches whose leases a test does not need."""

from __future__ import annotations

import multibin as mb


def take(worker: mb.Worker, timeout: float = 0) -> mb.Batch:
    """Takes the next batch and ends its lease."""
    with worker.next_batch(timeout) as batch:
        return batch


def rest(worker: mb.Worker) -> list[mb.Batch]:
    """Takes batches and ends each at once, until ``close()`` was called and none are left."""
    batches = []
    for batch in worker:
        batch.done()
        batches.append(batch)
    return batches


def keys(batches: list[mb.Batch]) -> list[list[int]]:
    """Returns the keys of each batch in the order of its rows."""
    return [batch.keys.tolist() for batch in batches]
