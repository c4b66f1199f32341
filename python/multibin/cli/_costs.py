"""The options that say how long a batch takes."""

from __future__ import annotations

import argparse
from dataclasses import replace
from typing import Any

import multibin as mb
from multibin import _args
from multibin.costs import Costs, hardware, load_costs

__all__ = ["COSTS", "DEFAULT_COSTS", "add_costs", "costs", "single_costs"]

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
        help="Costs that `multibin calibrate` measured or fitted, instead of those below",
    )
    add(
        "--hardware",
        metavar="NAME",
        help="Costs and memory computed for a model on GPUs, instead of the costs below. NAME is"
        " such as H100-8B or 2xH100-70B (A100, H100, H200; 1B, 8B, 70B). --moved-row adds to it",
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
        help="When a request is answered: with its batch, or with its own last step (that of the"
        " file, row with --hardware, or batch)",
    )


def costs(options: argparse.Namespace) -> Costs:
    """Returns the costs of the options.

    Raises:
        OSError: the file cannot be read.
        ValueError: the file has no costs, the hardware is not known, or a cost is given beside it.
    """
    given = single_costs(options)
    if options.table is None and options.hardware is None:
        return mb.CostModel(**(DEFAULT_COSTS | given), completes=options.completes or "batch")
    _check_alone(options, given)
    found = _named(options)
    return found if options.completes is None else replace(found, completes=options.completes)


def single_costs(options: argparse.Namespace) -> dict[str, float]:
    """Returns the costs that were given one by one."""
    return {name: value for name in COSTS if (value := getattr(options, name)) is not None}


def _named(options: argparse.Namespace) -> Costs:
    if options.hardware is None:
        return load_costs(options.table)
    return replace(hardware(options.hardware).costs, moved_row=options.moved_row or 0.0)


def _check_alone(options: argparse.Namespace, given: dict[str, Any]) -> None:
    """Raises for costs beside a file or hardware."""
    if options.hardware is not None:
        # A datasheet says nothing of moves between batches.
        others = {name: value for name, value in given.items() if name != "moved_row"}
        source = f"hardware = {options.hardware}"
        if options.table is not None:
            others = {"costs": options.table} | others
    else:
        others, source = given, f"costs = {options.table}"
    for name, value in others.items():
        raise ValueError(_args.sentence(name, f"left out with {source}", value))
