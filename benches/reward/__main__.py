"""Measures step scores; the exit status is 1 if a target is missed."""

from __future__ import annotations

import argparse
import os
import platform
import sys
import time
from collections.abc import Sequence
from time import perf_counter
from typing import Any

import numpy as np
import torch
import transformers
from benches.batcher.paired import Line, Target
from benches.engine.rounds import Figures, Plan, Rounds
from benches.reward.contestants import Contestant, Scores, contestants, reward_model
from benches.reward.workload import Workload, build, draw

AGAINST_REFERENCE = Target(1.8, least=True)
AGAINST_BEST = Target(1.35, least=True)
NOT_SLOWER = Target(0.98, least=True, by_interval=True)
USEFUL = Target(1.4, least=True)
OURS = "multibin"
REFERENCE = "reference"
CLOSE = {torch.float64: 1e-9, torch.float32: 1e-5, torch.bfloat16: 0.1}
"""How far scores may be from those of the reference."""


def parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benches.reward", description=__doc__)
    add = parser.add_argument
    add("--questions", type=int, default=16, help="(16)")
    add("--candidates", type=int, default=16, metavar="N", help="of each question (16)")
    add("--rounds", type=int, default=5, help="interleaved ones (5)")
    add("--threads", type=int, default=1, help="of torch on the CPU (1)")
    add("--device", default="cpu", help="(cpu)")
    add("--dtype", default="float32", choices=["float64", "float32", "bfloat16"], help="(float32)")
    add("--max-tokens", type=int, help="of a pass of ours")
    add("--contestants", nargs="*", metavar="NAME", help="(all)")
    add("--seed", type=int, default=0, help="of the workload (0)")
    return parser


def setting(options: argparse.Namespace) -> str:
    """Returns what the numbers depend on."""
    load = "/".join(f"{each:.1f}" for each in os.getloadavg())
    return (
        f"{time.strftime('%Y-%m-%d')}, {os.cpu_count()} cores, load {load}, "
        f"Python {platform.python_version()}, torch {torch.__version__}, "
        f"transformers {transformers.__version__}\n"
        f"{', '.join(f'{name}={value}' for name, value in vars(options).items())}\n"
    )


def measure(name: str, run: Contestant, work: Workload, expected: Scores, options: Any) -> Figures:
    """Times a contestant, and holds its scores against those of the reference.

    Raises:
        RuntimeError: a score differs by more than rounding.
    """
    with torch.inference_mode():
        begin = perf_counter()
        found = run(work)
        seconds = perf_counter() - begin
    pairs = zip(found, expected, strict=True)
    off = max(float(np.abs(one - other).max()) for one, other in pairs)
    if not off <= CLOSE[getattr(torch, options.dtype)]:
        raise RuntimeError(f"{name}: a score must be that of the reference, and is {off} off")
    print(f"{name}: {seconds:.2f} s, scores within {off:.1e}", flush=True)
    return {"seconds": seconds, "tokens/s": work.tokens / seconds, "off": off}


def lines(rounds: Rounds, useful: float, candidates: int) -> list[Line | None]:
    """Returns the comparisons; those of several candidates have other targets than of one."""
    rivals = [name for name in rounds.figures if name not in (OURS, REFERENCE)]
    rivals = [name for name in rivals if not name.startswith(OURS)]
    best = max(rivals, key=lambda name: rounds.median(name, "tokens/s"), default=REFERENCE)
    shares = candidates > 1
    targets = (AGAINST_REFERENCE, AGAINST_BEST) if shares else (None, NOT_SLOWER)
    several: list[Line | None] = [
        rounds.ratio("tokens/s", "tokens/s", OURS, REFERENCE, targets[0]),
        rounds.ratio("tokens/s", "tokens/s", OURS, best, targets[1]),
    ]
    others = [name for name in rounds.figures if name not in (OURS, REFERENCE, best)]
    several += [rounds.ratio("tokens/s", "tokens/s", OURS, name) for name in others]
    if shares:
        several.append(Line("tokens / computed tokens", "", useful, None, [useful], USEFUL))
    return several


def main(arguments: Sequence[str] | None = None) -> int:
    options = parser().parse_args(arguments)
    torch.set_num_threads(options.threads)
    print(setting(options), flush=True)
    work = draw(options.questions, options.candidates, options.seed)
    model = build(options.device, getattr(torch, options.dtype))
    ours, plain = (
        reward_model(model, max_tokens=options.max_tokens, share=share) for share in (True, False)
    )
    every = contestants(model, ours, plain)
    chosen = {name: run for name, run in every.items() if name in (options.contestants or every)}
    with torch.inference_mode():
        expected = every[REFERENCE](work)
    rounds = Rounds()
    rounds.run(
        Plan([*chosen]),
        options.rounds,
        lambda name: measure(name, chosen[name], work, expected, options),
    )
    stats = ours.stats()
    found = lines(rounds, stats["tokens"] / max(stats["computed_tokens"], 1), options.candidates)
    shown = [line for line in found if line is not None]
    print(f"\n{work.tokens} tokens, way: {stats['way']}; medians of {options.rounds} rounds")
    print(*shown, sep="\n")
    return int(any(line.missed for line in shown))


if __name__ == "__main__":
    sys.exit(main())
