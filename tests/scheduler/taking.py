"""Taking batches whose leases a test does not look at."""

from __future__ import annotations

import multibin as mb


def take(worker: mb.Worker, timeout: float = 0) -> mb.Batch:
    """Takes the next batch and ends its lease."""
    with worker.next_batch(timeout) as batch:
        return batch


def rest(worker: mb.Worker) -> list[mb.Batch]:
    """Takes batches, each of which ends at once, until there are none after ``close()``."""
    batches = []
    for batch in worker:
        batch.done()
        batches.append(batch)
    return batches


def keys(batches: list[mb.Batch]) -> list[list[int]]:
    """Returns the keys of each batch in the order of its rows."""
    return [batch.keys.tolist() for batch in batches]
