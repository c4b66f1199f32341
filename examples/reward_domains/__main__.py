"""Trains the reward models, lets them vote, and prints what they gain.

    python -m examples.reward_domains [--plot FILE] [--folder FOLDER] [--train-seeds 3]

All runs in place, on two cores in less than 15 minutes; each further training seed takes another
five. With a folder, what has been trained is kept there and a second call continues from it.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from pathlib import Path

from examples.reward_domains.measure import Asked, ask
from examples.reward_domains.models import Plan, Result, plans, run
from examples.reward_domains.report import claim, claim_table, draw, find, kinds_table


def main(arguments: Sequence[str] | None = None) -> None:
    """Runs the whole comparison."""
    options = _options(arguments)
    begun = time.perf_counter()
    asked = [ask(options.questions, options.candidates, seed) for seed in range(options.seeds)]
    for seed in range(options.train_seeds):
        models = plans(options.examples, options.steps, seed, options.folder)
        results = list(_results(models if seed == 0 else models[:2], asked, options.workers))
        _show(asked, results, seed, options.plot)
        print(f"\n{time.perf_counter() - begun:.0f} s\n", flush=True)


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser("python -m examples.reward_domains", description=__doc__)
    parser.add_argument("--questions", type=int, default=200, help="of a domain")
    parser.add_argument("--candidates", type=int, default=16, help="of a question")
    parser.add_argument("--seeds", type=int, default=3, help="of the candidates and the draws")
    parser.add_argument("--train-seeds", type=int, default=1, help="of the two process models")
    parser.add_argument("--examples", type=int, default=20_000, help="to train on, of a model")
    parser.add_argument("--steps", type=int, default=1_500, help="of training, 32 examples each")
    parser.add_argument("--workers", type=int, default=2, help="processes of one thread")
    parser.add_argument("--folder", type=Path, help="where checkpoints are kept")
    parser.add_argument("--plot", type=Path, help="file of the picture, such as domains.png")
    return parser.parse_args(arguments)


def _results(
    models: Sequence[Plan], asked: Sequence[Sequence[Asked]], workers: int
) -> Iterator[Result]:
    """Yields the results of models, in their order; one worker runs them in this process."""
    work = partial(run, asked=asked)
    if workers == 1:
        yield from map(work, models)
        return
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        yield from pool.map(work, models)


def _show(
    asked: Sequence[Sequence[Asked]], results: Sequence[Result], seed: int, plot: Path | None
) -> None:
    findings = find(asked, results)
    print(f"Accuracy in %, gains over the majority vote in points. Training seed {seed}.\n")
    print(claim_table(findings), end="\n\n")
    print("\n".join(claim(findings)), end="\n\n")
    if len(results) > 2:
        print(kinds_table(findings))
        if plot is not None:
            draw(findings, plot)


if __name__ == "__main__":
    main()
