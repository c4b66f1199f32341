"""``multibin plan``."""

from __future__ import annotations

import argparse
import json
from typing import Any

from multibin import _args
from multibin._canvas import check_installed, check_target
from multibin.cli._costs import add_costs, costs
from multibin.cli._numbers import numbers
from multibin.cli._options import add_predictions, add_trace, given, progress
from multibin.lab.compare import DRAWN, MIN_SEARCHED, Settings, draw_workload
from multibin.lab.plan import Objective, Question, as_json, choose, describe, draw
from multibin.lab.traces import read

HELP = "Choose policy, bins, edges, batch size and waits for a load; exit status 1 if none will do"

DESCRIPTION = """\
With --slo-p99 alone: the plan that sustains the highest rate within that p99 latency. With --rate,
too: the lowest mean latency at that rate, within the p99. Without --slo-p99: the lowest mean
latency at --rate, or at the trace's own rate. Rows of the trace are drawn with replacement.

The plan is one that mb.Scheduler runs. Continuous batching is measured beside it, and taken where
nothing else will do. One bin is taken unless others gain 3 %. Bins whose predictions would gain
less than 1.10 x in full batches are taken only where nothing else will do.
"""

MIN_ROWS, MAX_ROWS = 4, 32
"""Default batch sizes: powers of two from and up to these."""


def arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the options. What is not given is left to ``Settings`` and ``Question``."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.description = f"{HELP}\n\n{DESCRIPTION}"
    add_trace(parser.add_argument)
    _add_load(parser.add_argument_group("load and objective"))
    _add_choices(parser.add_argument_group("choices"))
    add_costs(parser)
    add = parser.add_argument_group("output").add_argument
    add("--json", action="store_true", help="Print JSON instead of the table")
    add("--plot", metavar="FILE", help="Draw mean against p99 latency: .png, .pdf or .svg")


def run(options: argparse.Namespace) -> int:
    """Prints the plan and returns 0 if it meets the objective, 1 if none does."""
    if options.plot is not None:
        check_target(options.plot)
        check_installed()
    question = _question(options)
    workload = draw_workload(question.settings)
    report = progress("plan")
    plan = choose(question, workload, report)
    report("")
    if options.json:
        print(json.dumps(as_json(plan, workload), indent=2, allow_nan=False))
    else:
        print(describe(plan, workload))
    if options.plot is not None:
        draw(plan, options.plot)
    return 0 if plan.chosen.meets else 1


def _add_load(group: argparse._ArgumentGroup) -> None:
    add = group.add_argument
    add("--rate", type=float, help="Requests per second (the trace's own without --slo-p99)")
    add("--slo-p99", type=float, metavar="SECONDS", help="Bound of 99 %% of the latencies")
    add(
        "--requests",
        type=int,
        metavar="N",
        default=DRAWN,
        help=f"Number of requests that are drawn ({DRAWN})",
    )
    add_predictions(add)
    add(
        "--no-predictor",
        dest="predictor",
        action="store_false",
        help="Plan without predicted lengths",
    )


def _add_choices(group: argparse._ArgumentGroup) -> None:
    add = group.add_argument
    add(
        "--batch-sizes",
        metavar="N,N,...",
        help=f"Rows of a full batch (powers of two from {MIN_ROWS} to --max-batch-size)",
    )
    add(
        "--max-batch-size",
        type=int,
        metavar="N",
        help=f"Largest of the default batch sizes ({MAX_ROWS})",
    )
    add("--bins", metavar="N,N,...", help="Numbers of bins, or of levels (1,2,4,8,16,32)")
    add("--servers", type=int, metavar="N", help="Servers that run batches at the same time (1)")
    add("--max-parked", type=int, metavar="ROWS", help="Climbers that may wait with state (any)")
    add(
        "--overhead",
        type=float,
        metavar="STEPS",
        help="Steps that a move costs, to place the levels (by the costs below)",
    )
    back_end = {"climbing": "resume rows elsewhere", "continuous": "replace rows in a batch"}
    for name, ability in back_end.items():
        meaning = f"Assume a back-end that cannot {ability}"
        add(f"--no-{name}", dest=name, action="store_false", help=meaning)


def _question(options: argparse.Namespace) -> Question:
    _args.integer("requests", options.requests, MIN_SEARCHED)
    chosen = given(options, Question)
    chosen["batch_sizes"] = _batch_sizes(options)
    if "bins" in chosen:
        chosen["bins"] = numbers("bins", options.bins)
    objective = Objective(_rate(options), options.slo_p99)
    return Question(_settings(options), objective, **chosen)


def _settings(options: argparse.Namespace) -> Settings:
    """Returns the load. Each candidate has a rate of its own: this one only draws the requests."""
    own: dict[str, Any] = {"rate": 1.0} | given(options, Settings)
    own.pop("bins", None)
    return Settings(**own | {"saturation": True, "costs": costs(options)})


def _rate(options: argparse.Namespace) -> float | None:
    if options.rate is not None or options.slo_p99 is not None:
        return None if options.rate is None else float(options.rate)
    trace = read(options.trace)
    if trace.arrivals is None:
        raise ValueError(f"rate or slo_p99 must be given, as {options.trace} has no times")
    return trace.rate


def _batch_sizes(options: argparse.Namespace) -> tuple[int, ...]:
    largest = options.max_batch_size
    if options.batch_sizes is None:
        high = MAX_ROWS if largest is None else largest
        _args.integer("max_batch_size", high, 1, _args.LONGEST)
        powers = (2**power for power in range(high.bit_length()))
        return tuple(sorted({*(rows for rows in powers if rows >= MIN_ROWS), high}))
    if largest is not None:
        raise ValueError(_args.sentence("max_batch_size", "left out with batch_sizes", largest))
    return numbers("batch_sizes", options.batch_sizes)
