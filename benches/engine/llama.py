"""The engine's modes beside transformers on a Llama of 300 MB, on the CPU."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator

import numpy as np
import torch
from benches.batcher.paired import Line, Target
from benches.engine.contest import BATCH_BY_BATCH, NAMES, agreement, contestants, measure
from benches.engine.models import build
from benches.engine.ours import Tokens
from benches.engine.rounds import Figures, Plan, Rounds
from benches.engine.shapes import BUILT_IN
from benches.engine.shapes import NAMES as MODELS
from benches.engine.workload import Lengths, draw

__all__ = ["add_options", "run"]

EVERY = ("continuous-true", "multibin-true", "generate-sorted", "generate_batch")
"""Contestants whose speeds have a target."""
PART = 0.25
"""The part of the requests that `generate` and `fifo` run: they are slow."""
SAMPLE = 4000
"""Lengths that the edges fit; they are of other requests."""
OWN = ("continuous-true", "multibin-true")
"""Modes whose own time is shown for the built-in model, too."""

FASTER = {
    ("continuous-true", "generate-sorted"): Target(1.1, least=True),
    ("continuous-true", "generate_batch"): Target(1.3, least=True),
    ("multibin-true", "generate-sorted"): Target(1.05, least=True),
    ("multibin-true", "generate_batch"): None,
    ("continuous", "generate"): None,
    ("fifo", "generate"): None,
}
"""Ratios of tokens a second, with their targets."""
FEWER_STEPS = Target(0.85, least=True)
"""The ratio of the steps of `continuous` to those of `climb`."""
OWN_SHARE = Target(0.05)
"""The share of a run that is not the model's forward pass."""


def add_options(parser: argparse.ArgumentParser) -> None:
    """Adds the sizes of a run; its defaults are those of the targets."""
    parser.add_argument("--model", default="llama-768x8", choices=MODELS, help="(llama-768x8)")
    parser.add_argument("--requests", type=int, default=256, help="of each run (256)")
    parser.add_argument("--rounds", type=int, default=3, help="interleaved ones (3)")
    parser.add_argument("--batch-size", type=int, default=8, help="rows of a batch (8)")
    parser.add_argument("--bins", type=int, default=12, help="of `multibin-true` and `climb` (12)")
    parser.add_argument("--longest", type=int, default=512, help="tokens of an output (512)")
    parser.add_argument("--threads", type=int, default=2, help="of torch (2)")
    parser.add_argument("--seed", type=int, default=0, help="of the weights and all draws (0)")
    parser.add_argument(
        "--contestants", nargs="+", choices=NAMES, default=NAMES, metavar="NAME", help="(all)"
    )
    parser.add_argument("--small", action="store_true", help="a small model of that architecture")


def run(options: argparse.Namespace) -> bool:
    """Prints the table and the targets, and returns true if one is missed."""
    torch.set_num_threads(options.threads)
    rounds = Contest(options, options.model).run(
        Plan(
            [name for name in EVERY if name in options.contestants],
            [name for name in options.contestants if name not in EVERY],
        )
    )
    print(*table(rounds), sep="\n", flush=True)
    missed = False
    for line in targets(rounds):
        print(f"  {line}", flush=True)
        missed |= line.missed
    own = [name for name in OWN if name in options.contestants]
    if options.model != BUILT_IN and own:
        torch.set_num_threads(1)
        print("\nThe built-in model of two layers, one thread:")
        print(*table(Contest(options, BUILT_IN).run(Plan(own))), sep="\n", flush=True)
    return missed


class Contest:
    """One model, one workload, and the first text of each request."""

    def __init__(self, options: argparse.Namespace, model: str) -> None:
        self.rounds = options.rounds
        self.model = build(model, seed=options.seed, small=options.small)
        lengths = Lengths(longest=options.longest)
        self.workload = draw(
            options.requests,
            options.batch_size,
            self.model.config.vocab_size,
            seed=options.seed,
            lengths=lengths,
        )
        sample = lengths.outputs(SAMPLE, np.random.default_rng((options.seed, 1)))
        self.modes = contestants(sample, options.bins, options.batch_size)
        self.text: Tokens | None = None

    def run(self, plan: Plan) -> Rounds:
        """Runs all rounds; each run is reported on the error stream."""
        rounds = Rounds()
        rounds.run(plan, self.rounds, self.measure)
        return rounds

    def measure(self, name: str) -> Figures:
        workload = self.workload.first(PART if name in BATCH_BY_BATCH else 1)
        result = measure(self.modes[name], self.model, workload)
        self.text = self.text or result.tokens
        figures = result.figures
        # A part has the first requests.
        n = min(len(result.tokens), len(self.text))
        figures["agreement"] = agreement(result.tokens[:n], self.text[:n])
        speed = f"{figures['tokens/s']:.1f} tokens/s"
        print(f"{name}: {result.seconds:.1f} s, {speed}", file=sys.stderr, flush=True)
        return figures


def table(rounds: Rounds) -> Iterator[str]:
    """Yields a line for each contestant: medians over its rounds."""
    yield (
        f"{'':16} {'runs':>4} {'tokens':>7} {'tokens/s':>9} {'steps':>6} {'passes':>6} "
        f"{'own time':>8} {'µs/pass':>8} {'same text':>9}"
    )
    for name in (name for name in NAMES if name in rounds.figures):
        figures = [
            rounds.median(name, figure)
            for figure in ("tokens", "tokens/s", "steps", "passes", "own share", "own µs/pass")
        ]
        tokens, speed, steps, passes, share, each = figures
        yield (
            f"{name:16} {len(rounds.figures[name]):4} {tokens:7.0f} {speed:9.1f} {steps:6.0f} "
            f"{passes:6.0f} {share:8.1%} {each:8.0f} {rounds.median(name, 'agreement'):9.1%}"
        )


def targets(rounds: Rounds) -> Iterator[Line]:
    """Yields the comparisons of all contestants that ran."""
    lines = [rounds.ratio("tokens/s", "tokens/s", *pair, target) for pair, target in FASTER.items()]
    lines.append(rounds.ratio("steps", "steps", "continuous", "climb", FEWER_STEPS))
    lines += [rounds.alone("own share", "of time", name, OWN_SHARE) for name in OWN]
    yield from (line for line in lines if line is not None)
