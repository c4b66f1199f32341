"""Step: the engine's modes and transformers on one model, with one workload."""

from __future__ import annotations

import argparse
import sys
import traceback
from pathlib import Path

import numpy as np
import torch
from benches.engine.contest import BASELINES, BATCH_BY_BATCH, agreement, contestants, measure
from benches.engine.models import build
from benches.engine.ours import Tokens
from benches.engine.workload import Lengths, Workload, draw
from benches.gpu.journal import Journal
from benches.gpu.options import AGAIN, add_options

__all__ = ["ORDER", "main"]

ORDER = (
    "generate-sorted",
    "continuous-true",
    "generate_batch",
    "multibin-true",
    "climb",
    "continuous",
    "generate",
    "fifo",
)
"""What matters most comes first, as a step may be cut short."""
PART = 0.5
"""The part of the requests that `generate` and `fifo` run: they are slow."""
SAMPLE = 4000
"""Lengths that the edges fit; they are of other requests."""


def parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benches.gpu.modes", description=__doc__)
    parser.add_argument("model")
    parser.add_argument("--journal", type=Path, required=True)
    add_options(parser)
    return parser


class Contest:
    """One model and its workload; each result goes to the journal at once."""

    def __init__(self, options: argparse.Namespace) -> None:
        self.journal = Journal(options.journal)
        self.name = options.model
        dtype = torch.bfloat16 if options.device != "cpu" else torch.float32
        self.model = build(
            options.model,
            device=options.device,
            dtype=dtype,
            seed=options.seed,
            small=options.tiny,
        )
        lengths = Lengths(median=options.median, longest=options.longest)
        self.workload = draw(
            options.requests,
            options.batch_size,
            self.model.config.vocab_size,
            seed=options.seed,
            lengths=lengths,
        )
        self.title = title(self.workload, lengths, dtype, options)
        sample = lengths.outputs(SAMPLE, np.random.default_rng((options.seed, 1)))
        self.modes = contestants(sample, options.bins, options.batch_size)
        self.text: Tokens | None = None

    def begin(self) -> list[str]:
        """Returns the contestants that have not begun, those of a process that died included."""
        begun = {
            record["contestant"]
            for record in self.journal.read()
            if record["kind"] == "run" and record["model"] == self.name
        }
        return [name for name in ORDER if name not in begun]

    def run(self, contestant: str) -> bool:
        """Runs a contestant, records the outcome, and returns true if it failed.

        After an error of the device nothing runs in this process: it ends with status `AGAIN`.
        """
        self.add(contestant, "begun")
        try:
            figures, text = self.measure(contestant)
        except Exception as error:
            traceback.print_exc()
            self.add(contestant, "failed", why=f"{type(error).__name__}: {error}")
            if "CUDA error" in str(error):
                sys.exit(AGAIN)
            return True
        if contestant in BASELINES:
            self.text = self.text or text
        elif self.text is not None:
            # A part has the first requests.
            figures["same text"] = agreement(text, self.text[: len(text)])
        self.add(contestant, "passed", workload=self.title, **figures)
        print(f"{self.name}: {contestant}: {figures['tokens/s']:.0f} tokens/s", flush=True)
        return False

    def measure(self, contestant: str) -> tuple[dict[str, float], Tokens]:
        workload = self.workload.first(PART if contestant in BATCH_BY_BATCH else 1)
        result = measure(self.modes[contestant], self.model, workload)
        return result.figures, result.tokens

    def add(self, contestant: str, outcome: str, **values: object) -> None:
        self.journal.add("run", model=self.name, contestant=contestant, outcome=outcome, **values)


def title(
    workload: Workload, lengths: Lengths, dtype: torch.dtype, options: argparse.Namespace
) -> str:
    """Returns what a model's table is about, in words."""
    low, high = lengths.prompts
    return (
        f"{len(workload)} requests with {workload.tokens:,} tokens, {str(dtype).split('.')[-1]}, "
        f"B = {workload.batch_size}, {options.bins} bins. Prompts U[{low}, {high}], "
        f"outputs log-normal (median {lengths.median:g}, σ = {lengths.sigma:g}, "
        f"clipped to {lengths.shortest} … {lengths.longest}), seed {options.seed}."
    )


def main() -> int:
    options = parser().parse_args()
    contest = Contest(options)
    failed = [name for name in contest.begin() if contest.run(name)]
    return int(bool(failed))


if __name__ == "__main__":
    sys.exit(main())
