"""``multibin plan``."""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable
from dataclasses import fields

from multibin import _args
from multibin.cli import _costs, simulate
from multibin.cli._numbers import numbers
from multibin.costs import Costs
from multibin.lab.compare import Settings, workload
from multibin.lab.compare._settings import FEW
from multibin.lab.compare._workloads import DRAWN
from multibin.lab.plan import Objective, Question, choose
from multibin.lab.plan._report import data, text
from multibin.lab.traces import read

HELP = "chooses policy, bins, edges, batch size and waits for a load; exit status 1 if none will do"

DESCRIPTION = """\
With --slo-p99 alone: the plan that bears the highest rate within that p99 latency. With --rate as
well: the lowest mean latency at that rate, within the p99. Without --slo-p99: the lowest mean
latency at --rate, or at the trace's own rate. Rows of the trace are drawn with replacement.

The plan is one that mb.Scheduler runs; refill (continuous batching) is measured beside it, and
taken where nothing else will do. One bin is taken unless others gain 3 %; bins whose predictions
would gain less than 1.10 x in full batches are taken only where nothing else will do.
"""

LEAST, ROWS = 4, 32
"""Default batch sizes: powers of two from and up to these."""


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the options; what is not given is left to ``Settings`` and ``Question``."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.description = f"{HELP}\n\n{DESCRIPTION}"
    parser.add_argument("trace", metavar="TRACE", help="CSV or JSON lines; columns known by name")
    _load(parser.add_argument_group("load and objective"))
    _choices(parser.add_argument_group("choices"))
    _costs.options(parser)
    add = parser.add_argument_group("output").add_argument
    add("--json", action="store_true", help="print JSON instead of the table")
    add("--plot", metavar="FILE", help="draw mean against p99: .png, .pdf or .svg")


def run(options: argparse.Namespace) -> int:
    """Prints the plan: 0 if it meets the objective, 1 if none does."""
    if options.plot is not None:
        simulate.check_plot(options.plot)
    question = _question(options)
    load = workload(question.settings)
    report = _progress()
    answer = choose(question, load, report)
    report("")
    if options.json:
        print(json.dumps(data(answer, load), indent=2, allow_nan=False))
    else:
        print(text(answer, load))
    if options.plot is not None:
        from multibin.lab.plan._picture import draw

        draw(answer, options.plot)
    return 0 if answer.chosen.meets else 1


def _load(group: argparse._ArgumentGroup) -> None:
    add = group.add_argument
    add("--rate", type=float, help="requests/s (the trace's own, unless --slo-p99 asks for it)")
    add("--slo-p99", type=float, metavar="SECONDS", help="what 99 %% of latencies must not exceed")
    add("--cv", type=float, help="of the gaps: 1 is Poisson, above 1 bursty, gamma (1)")
    add("--requests", type=int, default=DRAWN, help=f"how many are drawn ({DRAWN})")
    add("--seed", type=int, help="of everything that is drawn (0)")
    add("--sigma", type=float, help="predictions are the true lengths × exp(sigma·Z); 0: the truth")
    add("--shuffled", action="store_true", help="predictions are other requests' true lengths")
    add("--no-predictor", dest="predictor", action="store_false", help="nothing predicts lengths")


def _choices(group: argparse._ArgumentGroup) -> None:
    add = group.add_argument
    add(
        "--batch-sizes",
        metavar="N,N,...",
        help=f"rows of a full batch (powers of two from {LEAST} to --batch-size)",
    )
    add("--batch-size", type=int, metavar="N", help=f"the largest of the default ones ({ROWS})")
    add("--bins", metavar="N,N,...", help="how many bins or levels (1,2,4,8,16,32)")
    add("--servers", type=int, help="how many run batches at the same time (1)")
    add("--max-parked", type=int, metavar="ROWS", help="climbers that may wait with their state")
    add("--overhead", type=float, help="of a move, in steps, to place levels (by the costs below)")
    for name, what in (("climbing", "resume rows in another batch"), ("refill", "replace rows")):
        words = f"the back-end cannot {what}"
        add(f"--no-{name}", dest=name, action="store_false", help=words)


def _question(options: argparse.Namespace) -> Question:
    given = {name: value for name, value in vars(options).items() if value is not None}
    _args.integer("requests", options.requests, FEW)
    given["batch_sizes"] = _batch_sizes(options)
    if "bins" in given:
        given["bins"] = numbers("bins", options.bins)
    settings = _settings(given, _costs.costs(options))
    objective = Objective(_rate(options), options.slo_p99)
    names = [f.name for f in fields(Question) if f.name in given]
    return Question(settings, objective, **{name: given[name] for name in names})


def _settings(given: dict[str, object], costs: Costs) -> Settings:
    """Everything is played at a rate of its own: the one here only draws the requests."""
    names = ("trace", "cv", "requests", "seed", "sigma", "shuffled", "servers", "overhead")
    own = {name: given[name] for name in names if name in given}
    rate = given.get("rate", 1.0)
    return Settings(**own, rate=rate, saturation=True, costs=costs)  # type: ignore[arg-type]


def _rate(options: argparse.Namespace) -> float | None:
    if options.rate is not None or options.slo_p99 is not None:
        return None if options.rate is None else float(options.rate)
    trace = read(options.trace)
    if trace.arrivals is None:
        raise ValueError(f"rate: {options.trace} has no times; give a rate or slo_p99")
    return trace.rate


def _batch_sizes(options: argparse.Namespace) -> tuple[int, ...]:
    if options.batch_sizes is None:
        given = ROWS if options.batch_size is None else options.batch_size
        most = _args.integer("batch_size", given, 1, _args.LONGEST)
        powers = (2**power for power in range(most.bit_length()))
        return tuple(sorted({*(rows for rows in powers if rows >= LEAST), most}))
    if options.batch_size is not None:
        raise ValueError(f"batch_size: {options.batch_size} means nothing beside batch_sizes")
    return numbers("batch_sizes", options.batch_sizes)


def _progress() -> Callable[[str], object]:
    """Writes one line on stderr, again and again on a terminal, else one for each kind of work."""
    start, told = time.monotonic(), ""

    def report(what: str) -> None:
        nonlocal told
        seconds, kind = f"{time.monotonic() - start:.0f} s", what.split()[:1]
        if sys.stderr.isatty():
            line = f"plan: {seconds:>5}  {what}" if what else ""
            print(f"\r\x1b[K{line}", end="", file=sys.stderr, flush=True)
        elif kind and kind[0] != told:
            told = kind[0]
            print(f"plan: {seconds:>5}  {told.rstrip(':')}", file=sys.stderr, flush=True)

    return report
