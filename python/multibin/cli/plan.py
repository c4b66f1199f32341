"""``multibin plan``."""

from __future__ import annotations

import argparse
from typing import Any

from multibin import _args
from multibin._canvas import check_installed, check_target
from multibin.cli._checked import checked_as_json, describe_checked
from multibin.cli._cost_words import cost_words, costs_as_json
from multibin.cli._costs import add_costs, costs
from multibin.cli._json import add_json, print_json
from multibin.cli._memory import add_memory, memory
from multibin.cli._numbers import numbers
from multibin.cli._options import add_predictions, add_trace, given, progress, read_trace
from multibin.cli._prefix_cache import add_prefix_cache, check_hashes, prefix_cache
from multibin.lab._text import paragraph
from multibin.lab.compare import Settings
from multibin.lab.plan import (
    Objective,
    Question,
    as_json,
    choose,
    describe,
    draw,
    load,
    own_rate,
    within_context,
)
from multibin.lab.traces import Trace, describe_trace, read, trace_as_json

DESCRIPTION = """\
The trace is played at its own times, x --speed. The plan has the lowest mean latency within the
bounds (--slo-...), at the trace's own rate, x the speed, or at --rate. To plan for your own rate
within bounds, give --speed 1: with bounds, and neither --speed nor a rate, the plan keeps them as
fast as the trace can be played, at the highest rate. With --rate or --cv, and for a trace without times, rows are drawn with
replacement, and arrivals too: bursts of the trace are then lost.

The plan is one that mb.Scheduler runs. Continuous batching is measured beside it, and taken where
nothing else will do. One bin is taken unless others gain 3 %, and would on other stretches of the
load. Bins whose predictions would gain less than 1.10 x in full batches are taken only where
nothing else will do. Figures have 90 % intervals: docs/guides/planning.md says how.
"""

MIN_ROWS, MAX_ROWS, MAX_ROWS_BOUNDED = 4, 32, 256
"""Default batch sizes: powers of two up to the second, or the third where memory is bounded."""


def arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the options. What is not given is left to ``Settings`` and ``Question``."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.description = f"{parser.description}\n\n{DESCRIPTION}"
    add_trace(parser.add_argument)
    _add_load(parser.add_argument_group("load and objective"))
    _add_choices(parser.add_argument_group("choices"))
    add_costs(parser)
    add_memory(parser)
    add_prefix_cache(parser.add_argument_group("prefix cache").add_argument)
    add = parser.add_argument_group("output").add_argument
    add(
        "--check",
        metavar="FILE",
        help="Play the plan on another trace too, or compare it with a benchmark of an engine",
    )
    add_json(add, "plan")
    add("--plot", metavar="FILE", help="Draw mean against p99 latency: .png, .pdf or .svg")


def run(options: argparse.Namespace) -> int:
    """Prints the plan and returns 0 if it meets the objective, 1 if none does."""
    if options.plot is not None:
        check_target(options.plot)
        check_installed()
    trace = read_trace(options)
    question = _question(options, trace)
    requests, other = load(question, trace), _other(options, trace)
    mean_prompt = float(requests.trace.prompt_tokens.mean())
    if not options.json:
        words = cost_words(options, mean_prompt, climbing=question.climbing)
        print(paragraph(words), paragraph(describe_trace(trace)), sep="\n\n", flush=True)
    report = progress("plan")
    plan = choose(question, requests, report)
    report("")
    if options.json:
        said = costs_as_json(options, mean_prompt, climbing=question.climbing)
        found = {"trace": trace_as_json(trace), "costs": said} | as_json(plan, requests)
        if other is not None:
            found["check"] = checked_as_json(plan, requests, other)
        print_json("plan", found)
    else:
        print("", describe(plan, requests), sep="\n")
        if other is not None:
            print("", describe_checked(plan, requests, other, options.check), sep="\n")
    if options.plot is not None:
        draw(plan, options.plot)
    return 0 if plan.chosen.meets else 1


def _add_load(group: argparse._ArgumentGroup) -> None:
    add = group.add_argument
    add("--speed", type=float, metavar="FACTOR", help="Play the trace's own times faster (1)")
    add("--rate", type=float, help="Requests per second, drawn (the trace's own times)")
    add("--slo-p99", type=float, metavar="SECONDS", help="Bound of 99 %% of the latencies")
    add(
        "--slo-ttft",
        type=float,
        metavar="SECONDS",
        help="Bound of 99 %% of the times to the first token",
    )
    add(
        "--slo-tpot",
        type=float,
        metavar="SECONDS",
        help="Bound of 99 %% of the times per output token after the first",
    )
    add(
        "--requests",
        type=int,
        metavar="N",
        help="Number of requests that are drawn (100000), or the first of the trace (all)",
    )
    add(
        "--context",
        type=int,
        metavar="TOKENS",
        help="Refuse longer prompts and end outputs there, as a server does (any length)",
    )
    add("--quick", action="store_true", help="Play fewer requests, fewer times: less certain")
    add_predictions(add)
    add(
        "--no-predictor",
        dest="predictor",
        action="store_false",
        help="Plan without predicted lengths",
    )


def _other(options: argparse.Namespace, trace: Trace) -> Trace | None:
    """Returns the trace or benchmark to check the plan against."""
    if options.check is None:
        return None
    other = _read_other(options, trace)
    if other.arrivals is None and other.measured is None:
        rule = "a trace with times, or a benchmark with measured times"
        raise ValueError(_args.sentence("check", rule, options.check))
    check_hashes(prefix_cache(options), other, options.check)
    return other


def _read_other(options: argparse.Namespace, trace: Trace) -> Trace:
    """Reads the file of ``--check``: as the trace, if its columns are the same, or not known."""
    try:
        other = read(options.check)
    except ValueError:
        if options.columns is None and options.time_unit is None:
            raise
        return read_trace(options, path=options.check)
    alike = other.source and trace.source and other.source.found == trace.source.found
    return read_trace(options, path=options.check) if alike else other


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
        help=f"Largest default batch size ({MAX_ROWS}, or {MAX_ROWS_BOUNDED} with --kv-budget or"
        " --hardware)",
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


def _question(options: argparse.Namespace, trace: Trace) -> Question:
    chosen = given(options, Question)
    if "bins" in chosen:
        chosen["bins"] = numbers("bins", options.bins)
    chosen["speed"] = _speed(options, trace)
    room = memory(options)
    chosen |= {name: value for name, value in vars(room).items() if value is not None}
    chosen["batch_sizes"] = _batch_sizes(options, bounded=room.kv_budget is not None)
    chosen["wider"] = options.batch_sizes is None and options.max_batch_size is None
    settings = _settings(options)
    chosen["predictor"] = options.predictor and not _tells_nothing(settings, trace)
    bounds = given(options, Objective) | {"rate": _rate(options, trace, chosen["speed"])}
    return Question(settings, Objective(**bounds), **chosen)


def _tells_nothing(settings: Settings, trace: Trace) -> bool:
    """Returns whether the trace's predictions are all equal, as in a recording of climbers."""
    if trace.predicted is None or settings.sigma is not None or settings.shuffled:
        return False
    return bool((trace.predicted == trace.predicted[0]).all())


def _settings(options: argparse.Namespace) -> Settings:
    """Returns the load; bins and batch sizes are not its own."""
    own: dict[str, Any] = given(options, Settings)
    for name in ("bins", "speed"):
        own.pop(name, None)
    own |= {"prefix_cache": prefix_cache(options)}
    return Settings(**own | {"saturation": True, "costs": costs(options)})


def _speed(options: argparse.Namespace, trace: Trace) -> float | None:
    """Returns the factor of the trace's own times; None where it is searched, or they are drawn."""
    if options.speed is None:
        bounds = (options.slo_p99, options.slo_ttft, options.slo_tpot)
        own = trace.arrivals is not None and options.rate is None and options.cv is None
        return 1.0 if own and all(bound is None for bound in bounds) else None
    for name in ("rate", "cv"):
        if (value := getattr(options, name)) is not None:
            rule = f"left out with speed = {options.speed:g}"
            raise ValueError(_args.sentence(name, rule, value))
    if trace.arrivals is None:
        rule = f"left out, as {_no_times(options, trace)}"
        raise ValueError(_args.sentence("speed", rule, options.speed))
    return _args.positive("speed", options.speed)


def _rate(options: argparse.Namespace, trace: Trace, speed: float | None) -> float | None:
    if options.rate is not None:
        return float(options.rate)
    if speed is not None:
        return speed * own_rate(options.trace, _own(options, trace))
    if options.slo_p99 is None and options.slo_ttft is None and options.slo_tpot is None:
        if trace.arrivals is None:
            needed = "rate or a bound such as slo_p99"
            raise ValueError(f"{needed} must be given, as {_no_times(options, trace)}")
        return own_rate(options.trace, trace)
    return None


def _no_times(options: argparse.Namespace, trace: Trace) -> str:
    """Returns that a trace has no times, and among which columns they were looked for."""
    if trace.source is None:
        return f"{options.trace} has no times"
    found = ", ".join(trace.source.found)
    hint = "--columns time=NAME names theirs"
    return f"{options.trace} has no times among its columns {found}; {hint}"


def _own(options: argparse.Namespace, trace: Trace) -> Trace:
    """Returns the requests of the trace that are played."""
    fitting, _, _ = within_context(trace, options.context)
    return fitting if options.requests is None else fitting[: options.requests]


def _batch_sizes(options: argparse.Namespace, *, bounded: bool) -> tuple[int, ...]:
    largest = options.max_batch_size
    if options.batch_sizes is None:
        default = MAX_ROWS_BOUNDED if bounded else MAX_ROWS
        high = default if largest is None else largest
        _args.integer("max_batch_size", high, 1, _args.LONGEST)
        powers = (2**power for power in range(high.bit_length()))
        return tuple(sorted({*(rows for rows in powers if rows >= MIN_ROWS), high}))
    if largest is not None:
        raise ValueError(_args.sentence("max_batch_size", "left out with batch_sizes", largest))
    return numbers("batch_sizes", options.batch_sizes)
