"""``multibin simulate``."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from dataclasses import replace

import multibin as mb
from multibin._canvas import check_installed, check_target
from multibin.cli._cost_words import cost_words, costs_as_json
from multibin.cli._costs import add_costs, costs
from multibin.cli._json import add_json, print_json
from multibin.cli._memory import add_kv_bytes
from multibin.cli._options import add_predictions, add_trace, given
from multibin.cli._prefix_cache import add_prefix_cache, prefix_cache
from multibin.lab.compare import (
    POLICIES,
    Fit,
    Policy,
    Result,
    Settings,
    Workload,
    as_json,
    by_name,
    compare,
    describe,
    draw,
    draw_workload,
    fit,
    play,
    saturation,
    table,
)
from multibin.lab.traces import describe_trace


def arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the options. What is not given is left to ``Settings``."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = "\n".join(
        ["policies:", *(f"  {policy.name:16} {policy.description}" for policy in POLICIES)]
    )
    add_trace(parser.add_argument)
    _add_requests(parser.add_argument_group("requests"))
    _add_policies(parser.add_argument_group("policies"))
    add_costs(parser)
    _add_prefix_cache(parser.add_argument_group("prefix cache"))
    _add_output(parser.add_argument_group("output"))


def run(options: argparse.Namespace) -> int:
    """Plays every policy, prints the table or JSON, and draws the picture."""
    own = {"costs": costs(options), "prefix_cache": prefix_cache(options)}
    settings = Settings(**given(options, Settings) | own)
    policies = by_name(settings.names)
    if options.plot is not None:
        check_target(options.plot)
        check_installed()
    climbing = any(policy.name.startswith("climb") for policy in policies)
    workload = draw_workload(settings)
    mean_prompt = float(workload.played.prompt_tokens.mean())
    if not options.json:
        if workload.trace is not None:
            print(describe_trace(workload.trace), end="\n\n")
        print(cost_words(options, mean_prompt, climbing=climbing), end="\n\n", flush=True)
    bins = fit(settings, workload.sample)
    results = list(_results(settings, workload, bins, policies))
    if options.json:
        found = as_json(settings, workload, bins, results)
        found |= {"costs": costs_as_json(options, mean_prompt, climbing=climbing)}
        print_json("simulate", found)
    else:
        print(describe(settings, workload, bins), table(results), sep="\n\n")
    if options.plot is not None:
        draw(results, options.plot, workload.source)
    return 0


def _add_requests(group: argparse._ArgumentGroup) -> None:
    add = group.add_argument
    add("--speed", type=float, metavar="FACTOR", help="Play the trace's own times faster (1)")
    add("--rate", type=float, help="Requests per second, drawn (the trace's own rows)")
    add(
        "--requests",
        type=int,
        metavar="N",
        help="Number of requests: drawn with --rate or --users (100000) and for --saturation"
        " (400000), else the first of the trace (all)",
    )
    add(
        "--users",
        type=int,
        metavar="N",
        help="Users of a closed loop, instead of --rate: each waits for its answers",
    )
    add("--pause", type=float, metavar="SECONDS", help="Mean pause of a user after an answer (0)")
    add_predictions(add)
    add(
        "--warm-up",
        type=float,
        metavar="SHARE",
        help="Share of the requests, the first ones, that latencies leave out (0.1)",
    )


def _add_policies(group: argparse._ArgumentGroup) -> None:
    add = group.add_argument
    add(
        "--policy",
        action="append",
        dest="policies",
        metavar="NAME",
        help="Policy to play, one of those below; repeatable; fifo is always played"
        " (fifo, strict, elastic, climb, continuous)",
    )
    add("--bins", type=int, metavar="N", help="Number of bins (16)")
    add("--edges", help="Placement of the bins: optimal, quantile or uniform (optimal)")
    add("--levels", type=int, metavar="N", help="Number of levels for requests that climb (12)")
    add(
        "--overhead",
        type=float,
        metavar="STEPS",
        help="Steps that a move costs, to place the levels (by the costs below)",
    )
    add("--batch-size", type=int, metavar="N", help="Rows of a full batch (8)")
    add("--servers", type=int, metavar="N", help="Servers that run batches at the same time (1)")
    add("--max-resident", type=int, metavar="ROWS", help="Rows whose state a server holds (any)")
    add("--chunk", type=int, metavar="STEPS", help="Steps between refills, for chunked (16)")


def _add_prefix_cache(group: argparse._ArgumentGroup) -> None:
    add_prefix_cache(group.add_argument)
    add_kv_bytes(group.add_argument)


def _add_output(group: argparse._ArgumentGroup) -> None:
    add = group.add_argument
    add("--saturation", action="store_true", help="Search the highest stable rate of each policy")
    add_json(add, "simulate")
    add("--plot", metavar="FILE", help="Draw the latencies: .png, .pdf or .svg")


def _results(
    settings: Settings, workload: Workload, bins: Fit, policies: list[Policy]
) -> Iterator[Result]:
    for result in compare(settings, workload.played, bins, policies):
        if workload.stationary is None:
            yield result
        else:
            yield replace(result, saturation=_search(settings, workload, bins, result.policy))


def _search(settings: Settings, workload: Workload, bins: Fit, policy: Policy) -> float:
    """Returns the highest stable rate; a line on stderr shows each run."""
    assert workload.stationary is not None
    arriving, runs = workload.stationary, 0

    def at(rate: float) -> mb.Records:
        nonlocal runs
        runs += 1
        if sys.stderr.isatty():
            text = f"saturation of {policy.name}: run {runs}, {rate:.4g} requests/s"
            print(f"\r\x1b[K{text}", end="", file=sys.stderr, flush=True)
        return play(settings, arriving.scale_rate(rate), bins, policy)

    # With all requests there at once, a server is never idle: near the highest stable rate.
    backlog = play(settings, arriving.with_arrivals(None), bins, policy)
    rate = saturation(at, backlog.throughput)
    clear = "\r\x1b[K" if sys.stderr.isatty() else ""
    print(f"{clear}saturation of {policy.name}: {rate:.4g} requests/s", file=sys.stderr)
    return rate
