"""Measures step scores; the exit status is 1 if a target is missed."""

from __future__ import annotations

import argparse
import os
import platform
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from time import perf_counter

import numpy as np
import torch
import transformers
from benches.batcher.paired import Line, Target
from benches.engine.rounds import Figures, Plan, Rounds
from benches.engine.shapes import NAMES
from benches.gpu.journal import Journal
from benches.reward.contestants import OURS, REFERENCE, Contestant, Scores, contestants
from benches.reward.workload import OWN, Workload, build, draw

AGAINST_REFERENCE = Target(1.8, least=True)
AGAINST_BEST = Target(1.35, least=True)
NOT_SLOWER = Target(0.98, least=True, by_interval=True)
USEFUL = Target(1.4, least=True)
CLOSE = {"float64": 1e-9, "float32": 1e-5, "bfloat16": 0.1}
"""How far scores may be from those of the reference, by dtype."""


def parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benches.reward", description=__doc__)
    add = parser.add_argument
    add("--model", default=OWN, choices=[OWN, *NAMES], help=f"random weights ({OWN})")
    add("--questions", type=int, default=16, help="(16)")
    add("--candidates", type=int, default=16, metavar="N", help="of each question (16)")
    add("--rounds", type=int, default=5, help="interleaved ones (5)")
    add("--threads", type=int, default=1, help="of torch on the CPU (1)")
    add("--device", default="cpu", help="(cpu)")
    add("--dtype", default="float32", choices=[*CLOSE], help="(float32)")
    add("--max-tokens", type=int, help="of a pass of ours")
    add("--contestants", nargs="*", metavar="NAME", help="(all)")
    add("--seed", type=int, default=0, help="of the workload (0)")
    add("--journal", type=Path, help="file of records, for a run on a GPU")
    add("--tiny", action="store_true", help="a small model of the same kind")
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


class Contest:
    """One model and one workload; each round goes to the journal, if there is one."""

    def __init__(self, options: argparse.Namespace) -> None:
        self.options = options
        dtype = getattr(torch, options.dtype)
        self.model = build(options.model, options.device, dtype, small=options.tiny)
        vocabulary = self.model.config.vocab_size
        self.work = draw(options.questions, options.candidates, options.seed, vocabulary)
        self.warm_up = draw(2, options.candidates, options.seed + 1, vocabulary)
        self.ours, every = contestants(self.model, options.max_tokens)
        names = options.contestants or [*every]
        self.contestants = {name: run for name, run in every.items() if name in names}
        with torch.inference_mode():
            self.expected = every[REFERENCE](self.work)
        self.journal = None if options.journal is None else Journal(options.journal)

    def measure(self, name: str) -> Figures:
        """Measures a contestant, and compares its scores with those of the reference.

        Raises:
            RuntimeError: a score differs by more than rounding.
        """
        found, seconds = _timed(self.contestants[name], self.work, self.warm_up)
        pairs = zip(found, self.expected, strict=True)
        off = max(float(np.abs(one - other).max()) for one, other in pairs)
        if not off <= CLOSE[self.options.dtype]:
            raise RuntimeError(f"{name}: scores must be those of the reference, got {off} off")
        print(f"{name}: {seconds:.2f} s, scores within {off:.1e}", flush=True)
        figures = {"seconds": seconds, "tokens": self.work.tokens, "off": off}
        figures["tokens/s"] = self.work.tokens / seconds
        if self.journal is not None:
            self._note(self.journal, name, figures)
        return figures

    def _note(self, journal: Journal, name: str, figures: Mapping[str, float]) -> None:
        options = self.options
        about = f"{options.questions} questions of {options.candidates} candidates, {options.dtype}"
        model = f"step scores, {options.model}"
        values = {"workload": f"{about}.", "passes": 0, **figures}
        journal.add("run", model=model, contestant=name, outcome="passed", **values)


def _timed(run: Contestant, work: Workload, warm_up: Workload) -> tuple[Scores, float]:
    with torch.inference_mode():
        run(warm_up)
        begin = perf_counter()
        found = run(work)
        return found, perf_counter() - begin


def lines(rounds: Rounds, useful: float, shares: bool) -> list[Line]:
    """Returns the comparisons; their targets differ with and without something to share."""
    others = [name for name in rounds.figures if not name.startswith(OURS) and name != REFERENCE]
    best = max(others, key=lambda name: rounds.median(name, "tokens/s"), default=REFERENCE)
    found = [
        rounds.ratio(
            "tokens/s", "tokens/s", OURS, REFERENCE, AGAINST_REFERENCE if shares else None
        ),
        rounds.ratio("tokens/s", "tokens/s", OURS, best, AGAINST_BEST if shares else NOT_SLOWER),
    ]
    rest = [name for name in rounds.figures if name not in (OURS, REFERENCE, best)]
    found += [rounds.ratio("tokens/s", "tokens/s", OURS, name) for name in rest]
    if shares:
        found.append(Line("tokens / computed tokens", "", useful, None, [useful], USEFUL))
    return [line for line in found if line is not None]


def main(arguments: Sequence[str] | None = None) -> int:
    options = parser().parse_args(arguments)
    torch.set_num_threads(options.threads)
    print(setting(options), flush=True)
    contest, rounds = Contest(options), Rounds()
    rounds.run(Plan([*contest.contestants]), options.rounds, contest.measure)
    stats = contest.ours.stats()
    useful = stats["tokens"] / max(stats["computed_tokens"], 1)
    found = lines(rounds, useful, options.candidates > 1)
    print(f"\n{contest.work.tokens} tokens, {stats['way']}; medians of {options.rounds} rounds")
    print(*found, sep="\n")
    # The targets are those of one model on a CPU.
    judged = options.model == OWN and options.device == "cpu"
    return int(judged and any(line.missed for line in found))


if __name__ == "__main__":
    sys.exit(main())
