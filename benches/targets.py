"""Prints each figure that `make bench` measured as a ratio to its baseline of the same run.

A ratio or a figure above its target, or a rate below, is marked; the exit status is then 1.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

TARGET = Path(__file__).parents[1] / "target"
BATCH, MANY = 32, 4096
REQUESTS = {
    "one by one, 32 requests": BATCH,
    "in bulk, 4,096 requests": MANY,
    "a batch": BATCH,
    "a lone request": 1,
    "a sleeping worker": 1,
}
"""Requests that a benchmark from Python is about, by its group."""

# A benchmark, its baseline, the largest ratio.
RATIOS = [
    ("ring/ring", "ring/ArrayQueue", 1.3),
    ("ring, two threads/ring", "ring, two threads/ArrayQueue", 1 / 0.7),
    *(
        (f"scheduler/submit + form, {how}", "scheduler/ArrayQueue + Instant::now", 1.5)
        for how in ("elastic, nothing else waits", "elastic, 1,024 wait", "strict, 1,024 wait")
    ),
    (
        "scheduler/submit + form, priorities, 1,024 wait",
        "scheduler/submit + form, elastic, 1,024 wait",
        3,
    ),
    (
        "scheduler/submit + form, costs, 1,024 wait",
        "scheduler/submit + form, elastic, 1,024 wait",
        2,
    ),
    (
        "scheduler/submit + form, costs, nothing else waits",
        "scheduler/submit + form, elastic, batches of 8, nothing else waits",
        2,
    ),
    ("producers/4", "producers/1", 2),
    ("test_submit_and_take[0]", "test_simple_queue", 1.5),
    ("test_submit_and_take[1024]", "test_simple_queue", 1.5),
    ("test_submit_many_and_take_all", "ring/ArrayQueue", 2.5),
    ("test_submit_and_take[0]", "test_pure_submit_and_take[0]", 0.1),
    ("test_submit_and_take[1024]", "test_pure_submit_and_take[1024]", 0.1),
    ("test_submit_many_and_take_all", "test_pure_submit_and_take_all", 0.1),
    ("test_asyncio[by_scheduler]", "test_asyncio[by_hand]", 1.3),
]

# Benchmarks of the core that differ in one number; the largest over the smallest is bounded.
FLAT = 1.5
SERIES = [
    *(f"bins/{fill}, {{}} bins" for fill in ("elastic", "strict")),
    *(f"waiting/{fill}, {{}} wait" for fill in ("elastic", "strict")),
]
NUMBERS = {"bins": (1, 4, 16, 64, 256), "waiting": (1024, 32768, 1_000_000)}

# A benchmark, its figure, the largest value. Without a figure: microseconds of the call.
LIMITS = [
    ("test_take_a_batch", None, 2),
    ("test_lone_request_on_an_idle_worker", "p50 µs", 100),
    ("test_sleeping_worker", "CPU %", 0.1),
    ("test_optimal[256]", None, 50_000),
    ("test_optimal_of_pairs[True]", None, 50_000),
    ("test_optimal_of_pairs[False]", None, 50_000),
    ("test_exact_optimal", None, 1_000_000),
]

# A benchmark, the least million queue entries or rows a second.
RATES = [
    ("test_simulated_bins[strict]", 20),
    ("test_simulated_bins[elastic]", 8),
    ("test_simulated_climbing", 8),
    *((f"test_read[{name}]", 0.5) for name in ("azure.csv", "burstgpt.csv", "tokens.jsonl")),
]

Medians = dict[str, float]


def criterion() -> Medians:
    """Returns the median nanoseconds per request of each benchmark of the core."""
    medians = {}
    for file in (TARGET / "criterion").glob("*/*/new/benchmark.json"):
        name = json.loads(file.read_text())["full_id"]
        estimates = json.loads((file.parent / "estimates.json").read_text())
        medians[name] = estimates["median"]["point_estimate"] / BATCH
    return medians


def pytest_benchmark() -> dict[str, dict[str, Any]]:
    """Returns each benchmark from Python."""
    benchmarks = json.loads((TARGET / "benches.json").read_text())["benchmarks"]
    return {benchmark["name"]: benchmark for benchmark in benchmarks}


def per_request(benchmark: dict[str, Any]) -> float:
    """Returns the median nanoseconds per request, or per queue entry."""
    info = benchmark["extra_info"]
    count = info.get("entries") or info.get("rows") or info.get("fits")
    count = count or REQUESTS[benchmark["group"]]
    return float(benchmark["stats"]["median"]) * 1e9 / count


def ratios(medians: Medians) -> bool:
    """Prints the ratios and returns whether one is above its target."""
    print(f"{'per request':46} {'ns':>7} {'base':>7} {'ratio':>6} {'target':>6}  baseline")
    over = False
    for name, baseline, target in RATIOS:
        ratio = medians[name] / medians[baseline]
        over |= ratio > target
        print(
            f"{name:46} {medians[name]:7.1f} {medians[baseline]:7.1f} {ratio:6.2f} {target:6.2f}"
            f"  {baseline}{'  OVER' if ratio > target else ''}"
        )
    return over


def series(medians: Medians) -> bool:
    """Prints how flat each series is and returns whether one is not."""
    over = False
    print(f"\nlargest over smallest, at most {FLAT} wanted")
    for name in SERIES:
        numbers = NUMBERS[name.split("/")[0]]
        costs = [medians[name.format(number)] for number in numbers]
        ratio = max(costs) / min(costs)
        over |= ratio > FLAT
        shown = ", ".join(f"{n:,}: {cost:.1f}" for n, cost in zip(numbers, costs, strict=True))
        high = "  OVER" if ratio > FLAT else ""
        print(f"{name.format('…'):26} {ratio:5.2f}  ns per request: {shown}{high}")
    return over


def limits(benchmarks: dict[str, dict[str, Any]]) -> bool:
    """Prints the figures with a limit and returns whether one is above it."""
    over = False
    print()
    for name, figure, most in LIMITS:
        benchmark = benchmarks[name]
        value = benchmark["extra_info"][figure] if figure else benchmark["stats"]["median"] * 1e6
        over |= value > most
        high = "  OVER" if value > most else ""
        print(f"{name}: {value:.2f} {figure or 'µs'}, at most {most} wanted{high}")
    return over


def rates(medians: Medians) -> bool:
    """Prints the rates and returns whether one is too low."""
    rate = 1e3 / medians["test_submit_many_and_take_all"]
    print(f"\nsubmit_many and taking all batches, from Python: {rate:.1f} M requests/s")
    under = False
    for name, least in RATES:
        rate = 1e3 / medians[name]
        under |= rate < least
        low = "  LOW" if rate < least else ""
        print(f"{name}: {rate:.1f} M a second, at least {least} wanted{low}")
    return under


def main() -> int:
    benchmarks = pytest_benchmark()
    medians = criterion() | {name: per_request(each) for name, each in benchmarks.items()}
    return int(any([ratios(medians), series(medians), limits(benchmarks), rates(medians)]))


if __name__ == "__main__":
    sys.exit(main())
