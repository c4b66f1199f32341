"""``multibin simulate``."""

from __future__ import annotations

import argparse
import importlib.util
import json
import sys
from collections.abc import Iterator
from dataclasses import replace

import multibin as mb
from multibin.cli import _costs
from multibin.lab._canvas import check_target
from multibin.lab.compare import POLICIES, Result, Settings, compare, saturation, workload
from multibin.lab.compare._play import play
from multibin.lab.compare._policies import Fit, Policy, chosen, fit
from multibin.lab.compare._report import configuration, data, table
from multibin.lab.compare._workloads import Workload

HELP = "policies side by side on a trace: throughput, latencies, the highest stable rate"


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the options; what is not given is left to ``Settings``."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = "\n".join(
        ["policies:", *(f"  {policy.name:16} {policy.words}" for policy in POLICIES)]
    )
    parser.add_argument("trace", metavar="TRACE", help="CSV or JSON lines; columns known by name")
    _load(parser.add_argument_group("requests"))
    _policies(parser.add_argument_group("policies"))
    _costs.options(parser)
    _output(parser.add_argument_group("output"))


def run(options: argparse.Namespace) -> int:
    """Plays every policy; prints the table or JSON and draws the picture."""
    settings = _settings(options)
    policies = chosen(settings.names)
    if options.plot is not None:
        check_plot(options.plot)
    load = workload(settings)
    made = fit(settings, load.sample)
    results = list(_results(settings, load, made, policies))
    if options.json:
        print(json.dumps(data(settings, load, made, results), indent=2, allow_nan=False))
    else:
        print(configuration(settings, load, made), table(results), sep="\n\n")
    if options.plot is not None:
        from multibin.lab.compare._picture import latencies

        latencies(results, options.plot, load.source)
    return 0


def _load(group: argparse._ArgumentGroup) -> None:
    add = group.add_argument
    add("--rate", type=float, help="requests/s, drawn anew (the trace's own rows and times)")
    add("--cv", type=float, help="of the gaps: 1 is Poisson, above 1 bursty, gamma (1)")
    add(
        "--requests",
        type=int,
        help="how many: drawn with --rate or --users (100000) and for --saturation (400000), else"
        " the first of the trace (all)",
    )
    add(
        "--users",
        type=int,
        help="a closed loop of so many instead of --rate: each waits for answers",
    )
    add("--pause", type=float, metavar="SECONDS", help="of a user after an answer, on average (0)")
    add("--seed", type=int, help="of everything that is drawn (0)")
    add("--sigma", type=float, help="predictions are the true lengths × exp(sigma·Z); 0: the truth")
    add("--shuffled", action="store_true", help="predictions are other requests' true lengths")
    add("--warm-up", type=float, help="share of the requests that latencies leave out (0.1)")


def _policies(group: argparse._ArgumentGroup) -> None:
    add = group.add_argument
    add(
        "--policy",
        action="append",
        dest="policies",
        metavar="NAME",
        help="one of those below, repeatable; fifo is always there"
        " (fifo, strict, elastic, climb, refill)",
    )
    add("--bins", type=int, help="how many bins (16)")
    add("--edges", help="of the bins: optimal, quantile or uniform (optimal)")
    add("--levels", type=int, help="bins of those who climb (12)")
    add("--overhead", type=float, help="of a move, in steps, to place levels (by the costs below)")
    add("--batch-size", type=int, help="rows of a full batch (8)")
    add("--servers", type=int, help="how many run batches at the same time (1)")
    add("--max-resident", type=int, help="most rows whose state a server holds (no limit)")
    add("--chunk", type=int, help="steps between refills, for chunked (16)")


def _output(group: argparse._ArgumentGroup) -> None:
    add = group.add_argument
    add("--saturation", action="store_true", help="search the highest stable rate of each policy")
    add("--json", action="store_true", help="print JSON instead of the table")
    add("--plot", metavar="FILE", help="draw the latencies: .png, .pdf or .svg")


def _settings(options: argparse.Namespace) -> Settings:
    given = {name: value for name, value in vars(options).items() if value is not None}
    if options.policies is not None:
        given["policies"] = tuple(options.policies)
    names = [name for name in Settings.__match_args__ if name in given]
    own = {name: given[name] for name in names}
    return Settings(**own, costs=_costs.costs(options))


def check_plot(path: str) -> None:
    check_target(path)
    if importlib.util.find_spec("matplotlib") is None:
        raise ModuleNotFoundError("plot: needs matplotlib; install multibin[plot]")


def _results(
    settings: Settings, load: Workload, made: Fit, policies: list[Policy]
) -> Iterator[Result]:
    for result in compare(settings, load.played, made, policies):
        if load.stationary is None:
            yield result
        else:
            yield replace(result, saturation=_search(settings, load, made, result.policy))


def _search(settings: Settings, load: Workload, made: Fit, policy: Policy) -> float:
    """The highest stable rate, with a line on stderr that says how far it is."""
    assert load.stationary is not None
    arriving, runs = load.stationary, 0

    def at(rate: float) -> mb.Records:
        nonlocal runs
        runs += 1
        if sys.stderr.isatty():
            text = f"saturation of {policy.name}: run {runs}, {rate:.4g} requests/s"
            print(f"\r\x1b[K{text}", end="", file=sys.stderr, flush=True)
        return play(settings, arriving.scale_rate(rate), made, policy)

    # All there at once, a server is never idle: near the highest stable rate.
    backlog = play(settings, arriving.with_arrivals(None), made, policy)
    rate = saturation(at, backlog.throughput)
    clear = "\r\x1b[K" if sys.stderr.isatty() else ""
    print(f"{clear}saturation of {policy.name}: {rate:.4g} requests/s", file=sys.stderr)
    return rate
