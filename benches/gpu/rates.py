"""Step: how fast the machine copies and multiplies, and what a kernel's launch costs."""

from __future__ import annotations

import argparse
import statistics
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from time import perf_counter

import torch
from benches.gpu.journal import Journal

__all__ = ["main"]

ROUNDS = 10
GIGA, TERA = 1e9, 1e12


def seconds(work: Callable[[], object], device: torch.device, calls: int = 1) -> float:
    """Returns the median seconds of a call, after one that warms up."""
    wait: Callable[[], object] = torch.cuda.synchronize if device.type == "cuda" else int
    times = []
    for _ in range(ROUNDS + 1):
        wait()
        began = perf_counter()
        for _ in range(calls):
            work()
        wait()
        times.append((perf_counter() - began) / calls)
    return statistics.median(times[1:])


def rates(device: torch.device, tiny: bool) -> Iterator[tuple[str, float, str]]:
    """Yields name, value and unit of each rate."""
    size = 2**20 if tiny else 2**32
    source = torch.empty(size, dtype=torch.int8, device=device)
    target = torch.empty_like(source)
    moved = 2 * size / seconds(lambda: target.copy_(source), device)
    yield f"copy of {size / 2**20:,.0f} MiB, bytes read and written", moved / GIGA, "GB/s"
    n = 128 if tiny else 8192
    a, b = (torch.randn(n, n, dtype=torch.bfloat16, device=device) for _ in range(2))
    yield (
        f"bf16 matrix product of {n:,}",
        2 * n**3 / seconds(lambda: a @ b, device) / TERA,
        "TFLOP/s",
    )
    # One row against a matrix of weights: what a decode step does, bound by the copy rate.
    row = a[:1]
    read = 2 * n * n / seconds(lambda: row @ b, device)
    yield f"bf16 product of one row and {n:,}²", read / GIGA, "GB/s"
    one = torch.zeros(1, device=device)
    yield (
        "launch of an addition, back to back",
        1e6 * seconds(lambda: one.add_(1), device, 200),
        "µs",
    )
    yield (
        "addition and its value on the host",
        1e6 * seconds(lambda: one.add_(1).item(), device),
        "µs",
    )


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benches.gpu.rates", description=__doc__)
    parser.add_argument("--journal", type=Path, required=True)
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--tiny", action="store_true")
    options = parser.parse_args()
    journal = Journal(options.journal)
    for name, value, unit in rates(torch.device(options.device), options.tiny):
        print(f"{name}: {value:,.1f} {unit}", flush=True)
        journal.add("rate", name=name, value=value, unit=unit)
    return 0


if __name__ == "__main__":
    sys.exit(main())
