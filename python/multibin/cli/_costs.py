"""The options that say how long a batch takes."""

from __future__ import annotations

import argparse
from dataclasses import replace

import multibin as mb
from multibin import _args
from multibin.costs import Costs

__all__ = ["add_costs", "costs"]

COSTS = {
    "fixed": "Seconds per batch",
    "prompt_token": "Seconds per token of a new prompt",
    "moved_row": "Seconds per row that comes from another batch",
    "step": "Seconds per step",
    "row_step": "Seconds per step and unfinished row",
    "kv_token": "Seconds per step and token in the caches of the unfinished rows",
    "padded_token": "Seconds per step and padded token: rows x the tokens in the longest cache",
}

DEFAULT_COSTS = {"fixed": 0.05, "step": 0.02}


def add_costs(parser: argparse.ArgumentParser) -> None:
    """Adds the options in a group of their own."""
    add = parser.add_argument_group("costs of a batch").add_argument
    add(
        "--costs",
        dest="table",
        metavar="FILE",
        help="Cost table that `multibin calibrate` measured, instead of the costs below",
    )
    for name, meaning in COSTS.items():
        add(
            f"--{name.replace('_', '-')}",
            type=float,
            metavar="SECONDS",
            help=f"{meaning} ({DEFAULT_COSTS.get(name, 0.0):g})",
        )
    add(
        "--completes",
        choices=("batch", "row"),
        help="When a request is answered: with its batch, or with its own last step (the table's,"
        " or batch)",
    )


def costs(options: argparse.Namespace) -> Costs:
    """Returns the costs of the options.

    Raises:
        OSError: the table cannot be read.
        ValueError: the file is no table, or a cost is given beside it.
    """
    given = {name: value for name in COSTS if (value := getattr(options, name)) is not None}
    if options.table is None:
        return mb.CostModel(**(DEFAULT_COSTS | given), completes=options.completes or "batch")
    for name, value in given.items():
        raise ValueError(_args.sentence(name, f"left out with costs = {options.table}", value))
    table = mb.CostTable.load(options.table)
    return table if options.completes is None else replace(table, completes=options.completes)
