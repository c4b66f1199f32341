"""Prints what fits of edges gain: with fewer candidates, with noisy predictions, after a drift.

``python -m benches.edges`` takes two minutes. Gains are throughputs in saturation over that of one
bin (``lab.theory.throughput``), on requests that the fit did not see.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray

import multibin as mb
from multibin.lab import theory
from multibin.lab.traces import Trace, chat, lengths, predictions

Ints = NDArray[np.int64]
Draw = Callable[[int, int], Ints]

FIT, FRESH, FEW = 20_000, 200_000, 2_000
SHAPES: dict[str, Draw] = {
    "log-normal": lambda n, seed: lengths.log_normal(n, 20_000, 1.0, seed),
    "exponential": lambda n, seed: lengths.exponential(n, 5_000, seed),
    "bimodal": lambda n, seed: lengths.bimodal(n, 600, 9_000, 0.2, seed),
    "uniform": lambda n, seed: lengths.uniform(n, 1, 20_000, seed),
}
SIZES = ((8, 8), (16, 32), (32, 32))
"""Bins and batch sizes."""


def chats(n: int, seed: int) -> Ints:
    return chat(n, seed).output_tokens


def short(n: int, seed: int) -> Ints:
    return lengths.exponential(n, 20, seed, high=4000)


def cost(sample: Ints, candidates: int | None) -> float:
    """Returns the mean longest member of a batch with the edges of so many candidates."""
    edges = mb.Edges.optimal(sample, 32, 32, candidates)
    return 32 / theory.throughput(sample, edges, 32)


def candidates() -> None:
    """Prints what 256 candidates cost more than all."""
    print(f"\n{FIT:,} lengths, 32 bins, B = 32: cost of 256 candidates ÷ that of all, less 1\n")
    for name, draw in SHAPES.items():
        sample = draw(FIT, 0)
        print(f"{name:12} {cost(sample, 256) / cost(sample, None) - 1:.3%}", flush=True)


def gains(draw: Draw, sigma: float, size: tuple[int, int], n: int, seed: int) -> list[float]:
    """Returns the gains of edges fitted to n predictions, to pairs, and to pairs as they are."""
    bins, batch_size = size
    actual, fresh = draw(n, 2 * seed), draw(FRESH, 2 * seed + 1)
    predicted = predictions.log_normal(actual, sigma, seed=1_000 + seed)
    seen = predictions.log_normal(fresh, sigma, seed=2_000 + seed)
    one_bin = theory.throughput(fresh, mb.Edges([0, 1]), batch_size)
    fits = [
        mb.Edges.optimal(predicted, bins, batch_size),
        mb.Edges.optimal(predicted, bins, batch_size, actual=actual),
        mb.Edges.optimal(predicted, bins, batch_size, actual=actual, monotone=False),
    ]
    return [theory.throughput(fresh, edges, batch_size, seen) / one_bin for edges in fits]


def pairs(seeds: int) -> None:
    """Prints the gains on chat lengths."""
    print(f"\nchat lengths × exp(σ·Z), {FIT:,} pairs: gain, mean of {seeds} seeds\n")
    print("| σ | bins | B | predictions alone | pairs | pairs, `monotone=False` |")
    print("|---|---|---|---|---|---|")
    for sigma in (0.5, 1.0):
        for size in SIZES:
            found = [gains(chats, sigma, size, FIT, seed) for seed in range(seeds)]
            means = " | ".join(f"{mean:.3f}" for mean in np.mean(found, axis=0))
            print(f"| {sigma:g} | {size[0]} | {size[1]} | {means} |", flush=True)


def few(seeds: int) -> Iterator[tuple[float, str]]:
    """Yields how far the gain of a few pairs is from that of their predictions, and where."""
    for name, draw in {"chat": chats, **SHAPES}.items():
        for sigma in (0.5, 1.0):
            for size in SIZES:
                found = [gains(draw, sigma, size, FEW, seed) for seed in range(seeds)]
                alone, both, _ = np.mean(found, axis=0)
                yield both / alone - 1, f"{name}, σ {sigma:g}, {size[0]} bins, B = {size[1]}"


def drift() -> None:
    """Prints the requests per second that fixed and adaptive edges serve after a drift."""
    n, step = 30_000, mb.CostModel(step=0.01)
    output = np.concatenate([short(n // 5, 0), lengths.exponential(n - n // 5, 400, 1, high=4000)])
    trace = Trace(np.zeros(n, np.int64), output, arrivals=np.arange(n) / 2)
    edges = mb.Edges.optimal(short(20_000, 2), 16, 8)
    print(f"\n{n:,} requests, two a second, B = 8: mean length 20, from a fifth on 400\n")
    for name, adapt in {"edges for 20": None, "adaptive edges": mb.Adapt()}.items():
        config = mb.SchedulerConfig(edges, 8, adapt=adapt)
        records = mb.simulate(trace, scheduler=config, costs=step)
        print(f"{name:14} {records.throughput:.2f} requests/s")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benches.edges", description=__doc__)
    parser.add_argument("--seeds", type=int, default=5, help="Draws of each setting (5)")
    seeds = parser.parse_args().seeds
    candidates()
    pairs(seeds)
    found = sorted(few(seeds))
    print(f"\n{FEW:,} pairs: gain ÷ that of predictions alone, less 1, mean of {seeds} seeds\n")
    for share, where in (found[0], found[-1]):
        print(f"{share:+.1%} {where}")
    drift()


if __name__ == "__main__":
    main()
