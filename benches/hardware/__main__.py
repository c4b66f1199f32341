"""Prints computed costs beside published measurements."""

from __future__ import annotations

import sys

import numpy as np
from benches.hardware.published import BATCHES, LENGTHS, THROUGHPUTS, Batch

import multibin as mb
from multibin.costs import Hardware, hardware
from multibin.lab.traces import from_arrays

MOST_ROWS = 2048
"""Rows of a batch that engines run at most."""


def finish(found: Hardware, rows: int, requests: int, prompt: int, answer: int) -> float:
    """Returns the seconds of a backlog with continuous batching."""
    trace = from_arrays(np.full(requests, prompt), np.full(requests, answer))
    slots = mb.Baseline.continuous(rows)
    records = mb.simulate(trace, scheduler=slots, costs=found.costs)
    return float(records.finish.max())


def throughput(found: Hardware, prompt: int, answer: int) -> float:
    """Returns output tokens per second with as many rows as memory holds."""
    room = found.kv_budget // (found.kv_bytes_per_token * (prompt + answer))
    rows = min(MOST_ROWS, room)
    return 8 * rows * answer / finish(found, rows, 8 * rows, prompt, answer)


def line(name: str, what: str, computed: float, published: float) -> str:
    off = computed / published - 1
    return f"{name:12} {what:30} {computed:10.4g} {published:10.4g} {off:+8.0%}"


def batch(each: Batch) -> str:
    seconds = finish(hardware(each.name), each.rows, each.rows, each.prompt, each.answer)
    what = f"{each.rows} rows, {each.prompt} + {each.answer}, s"
    return line(each.name, what, seconds, each.seconds)


def main() -> int:
    print(f"{'':43} {'computed':>10} {'published':>10} {'error':>8}")
    for name, published in THROUGHPUTS.items():
        found = hardware(name)
        for (prompt, answer), each in zip(LENGTHS, published, strict=True):
            what = f"{prompt} + {answer} tokens, tokens/s"
            print(line(name, what, throughput(found, prompt, answer), each))
    for one in BATCHES:
        print(batch(one))
    return 0


if __name__ == "__main__":
    sys.exit(main())
