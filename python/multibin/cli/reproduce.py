"""``multibin reproduce``."""

from __future__ import annotations

import argparse
import sys

from multibin.cli._json import add_json, print_json
from multibin.cli._options import add_trace, check_trace, progress, read_trace
from multibin.cli._process import importing


def arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the options."""
    add = parser.add_argument
    add_trace(add, needed=False, default="none: item 10 needs the Azure chat trace of 2023")
    add_json(add, "reproduce")
    add(
        "--plot",
        metavar="DIR-or-FILE",
        help="Draw Figs. 3, 4, 6, 8 and 9: one file each, or all in one .png, .pdf or .svg",
    )


def run(options: argparse.Namespace) -> int:
    """Prints the rows and returns 0 if all are within their tolerance, else 1."""
    with importing():
        from multibin.lab import paper
        from multibin.lab.traces import describe_trace, trace_as_json

    check_trace(options)
    if options.plot is not None:
        paper.check_target(options.plot)
    trace = None if options.trace is None else read_trace(options, times=False)
    if trace is not None and not options.json:
        print(describe_trace(trace), end="\n\n", flush=True)
    lab = paper.Lab(report=progress("multibin reproduce"))
    results = paper.sections(lab, trace)
    files = [] if options.plot is None else paper.draw(lab, options.plot)
    lab.report("")
    if options.json:
        about = None if trace is None else trace_as_json(trace)
        print_json("reproduce", {"trace": about, "rows": paper.records(results)})
    else:
        print(paper.table(results))
        if trace is None:
            print("Item 10 needs TRACE, items 7 to 9 a GPU.")
    for file in files:
        print(f"figure: {file}", file=sys.stderr if options.json else sys.stdout)
    return 0 if all(row.ok for section in results for row in section.rows) else 1
