"""The options that say how long a batch takes."""

from __future__ import annotations

import argparse
from dataclasses import replace

import multibin as mb
from multibin.costs import Costs

__all__ = ["costs", "options"]

COSTS = {
    "fixed": "of a batch",
    "prompt_token": "of a token of a new prompt",
    "moved_row": "of a row that comes from another batch",
    "step": "of a step",
    "row_step": "of a step and unfinished row",
    "kv_token": "of a step and token in the caches of the unfinished rows",
    "padded_token": "of a step and token, were all rows as old as the oldest",
}

DEFAULT_COSTS = {"fixed": 0.05, "step": 0.02}


def options(parser: argparse.ArgumentParser) -> None:
    """Declares them, in a group of their own."""
    add = parser.add_argument_group("cost model, in seconds").add_argument
    add(
        "--costs",
        dest="table",
        metavar="FILE",
        help="a table that `multibin calibrate` measured, instead of the costs below",
    )
    for name, words in COSTS.items():
        add(
            f"--{name.replace('_', '-')}",
            type=float,
            metavar="SECONDS",
            help=f"{words} ({DEFAULT_COSTS.get(name, 0.0):g})",
        )
    add(
        "--completes",
        choices=("batch", "row"),
        help="a request is answered with its batch or after its own last step (the table's, or"
        " batch)",
    )


def costs(options: argparse.Namespace) -> Costs:
    """What they say.

    Raises ``ValueError`` for a file that is no table, and for costs beside it; ``OSError``.
    """
    given = {name: value for name in COSTS if (value := getattr(options, name)) is not None}
    if options.table is None:
        return mb.CostModel(**(DEFAULT_COSTS | given), completes=options.completes or "batch")
    for name, value in given.items():
        raise ValueError(f"{name}: {value:g} means nothing beside costs = {options.table}")
    table = mb.CostTable.load(options.table)
    return table if options.completes is None else replace(table, completes=options.completes)
