"""``multibin reproduce``."""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable

HELP = "the paper's numbers beside ours; exit status 1 if one is out of tolerance"


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the options."""
    add = parser.add_argument
    add("--trace", metavar="FILE", help="the Azure chat trace of 2023 (CSV), for item 10")
    add("--json", action="store_true", help="the rows as JSON")
    add(
        "--plot",
        metavar="DIR-or-FILE",
        help="draw Figs. 3, 4, 6, 8 and 9: one file each, or all in one .png, .pdf or .svg",
    )


def run(options: argparse.Namespace) -> int:
    """Prints the rows: 0 if all are within their tolerance, else 1."""
    from multibin.lab.paper import Lab, records, sections, table
    from multibin.lab.paper._figures import check, draw
    from multibin.lab.traces import read

    if options.plot is not None:
        check(options.plot)
    trace = None if options.trace is None else read(options.trace, times=False)
    lab = Lab(report=_progress())
    results = sections(lab, trace)
    files = [] if options.plot is None else draw(lab, options.plot)
    lab.report("done")
    print(file=sys.stderr)
    print(json.dumps(records(results), indent=1) if options.json else table(results))
    if trace is None and not options.json:
        print("Item 10 needs --trace FILE, items 7 to 9 a GPU.")
    for file in files:
        print(f"figure: {file}", file=sys.stderr if options.json else sys.stdout)
    return 0 if all(row.ok for section in results for row in section.rows) else 1


def _progress() -> Callable[[str], object]:
    """Writes one line on stderr, again and again."""
    start = time.monotonic()

    def report(what: str) -> None:
        seconds = f"{time.monotonic() - start:.0f} s"
        print(f"\rreproduce: {seconds:>5}  {what:<40}", end="", file=sys.stderr, flush=True)

    return report
