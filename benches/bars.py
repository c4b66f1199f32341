"""Reads what `make bench` measured and prints each figure as a ratio to its rival of the same run.

A ratio above its bar, or a rate below, is marked; the exit status is then 1.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

TARGET = Path(__file__).parents[1] / "target"
BATCH, MANY = 32, 4096

# What, its rival, the largest ratio.
BARS = [
    ("ring/ring", "ring/ArrayQueue", 1.3),
    *(
        (f"scheduler/submit + form, {how}", "scheduler/ArrayQueue + Instant::now", 2.0)
        for how in ("elastic, nothing else waits", "elastic, 1,024 wait", "strict, 1,024 wait")
    ),
    ("test_submit_and_take[0]", "test_simple_queue", 2.0),
    ("test_submit_and_take[1024]", "test_simple_queue", 2.0),
    ("test_submit_many_and_take_all", "ring/ArrayQueue", 5.0),
    ("test_asyncio[by_scheduler]", "test_asyncio[by_hand]", 1.3),
]

# What, the least million queue entries or rows a second.
RATES = [
    ("test_simulated_bins[strict]", 20),
    ("test_simulated_bins[elastic]", 8),
    ("test_simulated_climbing", 8),
    *((f"test_read[{name}]", 0.5) for name in ("azure.csv", "burstgpt.csv", "tokens.jsonl")),
]


def criterion() -> dict[str, float]:
    """Median nanoseconds per request of each benchmark of the core."""
    medians = {}
    for file in (TARGET / "criterion").glob("*/*/new/benchmark.json"):
        name = json.loads(file.read_text())["full_id"]
        estimates = json.loads((file.parent / "estimates.json").read_text())
        medians[name] = estimates["median"]["point_estimate"] / BATCH
    return medians


def pytest_benchmark() -> dict[str, float]:
    """Median nanoseconds per request, or per queue entry, of each benchmark from Python."""
    benchmarks = json.loads((TARGET / "benches.json").read_text())["benchmarks"]
    requests = {"one by one, 32 requests": BATCH, "in bulk, 4,096 requests": MANY}
    entries = [_count(b["extra_info"]) or requests[b["group"]] for b in benchmarks]
    medians = zip(benchmarks, entries, strict=True)
    return {b["name"]: b["stats"]["median"] * 1e9 / count for b, count in medians}


def latencies() -> None:
    """Prints how long a lone request takes to an idle worker."""
    for benchmark in json.loads((TARGET / "benches.json").read_text())["benchmarks"]:
        if "p99" in (info := benchmark["extra_info"]):
            print(f"{benchmark['name']}: p50 {info['p50']:.0f} µs, p99 {info['p99']:.0f} µs")


def _count(info: dict[str, Any]) -> int | None:
    return info.get("entries") or info.get("rows")


def main() -> int:
    medians = criterion() | pytest_benchmark()
    print(f"{'per request':46} {'ns':>7} {'rival':>7} {'ratio':>6} {'bar':>5}  rival")
    over = False
    for name, rival, bar in BARS:
        ratio = medians[name] / medians[rival]
        over |= ratio > bar
        print(
            f"{name:46} {medians[name]:7.1f} {medians[rival]:7.1f} {ratio:6.2f} {bar:5.1f}"
            f"  {rival}{'  OVER' if ratio > bar else ''}"
        )
    rate = 1e3 / medians["test_submit_many_and_take_all"]
    print(f"\nsubmit_many and taking all batches, from Python: {rate:.1f} M requests/s")
    for name, least in RATES:
        rate = 1e3 / medians[name]
        over |= rate < least
        low = "  LOW" if rate < least else ""
        print(f"{name}: {rate:.1f} M a second, at least {least} wanted{low}")
    latencies()
    return int(over)


if __name__ == "__main__":
    sys.exit(main())
