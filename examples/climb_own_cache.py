"""Lets texts climb with a KV cache of one's own: a small decoder in NumPy, and a dict of caches.

    python -m examples.climb_own_cache

The lengths of the texts are not known before, so all begin in the first bin. A batch runs
`batch.limit` steps. Texts that are finished by then leave, and the others climb. The worker keeps
their caches in a dict until they come back, beside texts of the same progress.
"""

from typing import Literal

import numpy as np

import multibin as mb
from examples._small.decoder import MOST, Text, step

EDGES = mb.Edges([0, 8, 16, 32, MOST])


def run(texts: list[Text], limit: int) -> int:
    """Writes at most `limit` tokens of each text, and returns the steps that this took."""
    for steps in range(limit):
        open_texts = [text for text in texts if not text.finished]
        if not open_texts:
            return steps
        step(open_texts)
    return limit


def serve(count: int, overrun: Literal["climb", "finish"]) -> tuple[list[Text], int, int]:
    """Returns the texts, the steps of all batches, and the tokens that were found in caches."""
    scheduler = mb.Scheduler(EDGES, batch_size=8, overrun=overrun)
    scheduler.submit_many(np.arange(count), np.zeros(count))
    scheduler.close()
    kept: dict[int, Text] = {}  # Each text has its cache.
    steps = found = 0
    with scheduler.worker() as worker:
        for batch in worker:
            with batch:
                texts = [kept.setdefault(key, Text(first=key)) for key in batch.keys.tolist()]
                found += int(batch.progress.sum())
                steps += run(texts, batch.limit or MOST)
                rows = [row for row, text in enumerate(texts) if not text.finished]
                batch.resubmit(rows, [len(texts[row].written) for row in rows])
    return [kept[key] for key in range(count)], steps, found


def main() -> None:
    """Prints what climbing saves."""
    plain, steps, _ = serve(128, "finish")
    climbed, fewer, found = serve(128, "climb")
    print("the texts are equal:", [a.written for a in plain] == [b.written for b in climbed])
    print(f"{steps} steps until the last row of each batch, {fewer} with climbing")
    print(f"{found} tokens were in the caches of texts that came back")


if __name__ == "__main__":
    main()
