"""What an answer says of its costs: which were given, and what is free."""

from __future__ import annotations

import argparse
from typing import Any

import multibin as mb
from multibin.cli._costs import DEFAULT_COSTS, costs, single_costs
from multibin.costs import Costs, hardware
from multibin.costs._load import about
from multibin.lab.compare import describe_costs

__all__ = ["cost_words", "costs_as_json", "costs_given"]

LONG = 32
"""Tokens of the mean prompt from which an answer warns that prompts are free."""

WORDS = {
    "fixed": "a batch",
    "prompt_token": "a prompt token",
    "moved_row": "a moved row",
    "step": "a step",
    "row_step": "a row and step",
    "kv_token": "a cached token and step",
    "padded_token": "a padded token and step",
}


def costs_given(options: argparse.Namespace) -> bool:
    """Returns whether the user gave any cost."""
    named = options.table is not None or options.hardware is not None
    return named or bool(single_costs(options))


def costs_as_json(
    options: argparse.Namespace, mean_prompt: float | None = None, *, climbing: bool = False
) -> dict[str, Any]:
    """Returns whether costs were given, and the words, for ``json.dumps``."""
    words = cost_words(options, mean_prompt, climbing=climbing)
    return {"given": costs_given(options), "words": words}


def cost_words(
    options: argparse.Namespace, mean_prompt: float | None = None, *, climbing: bool = False
) -> str:
    """Returns what the answer says first: the costs, where they are from, and what is free.

    Args:
        options: those of ``add_costs``.
        mean_prompt: the mean prompt of the trace, in tokens. None: it is not known.
        climbing: rows may move to other batches.

    Raises:
        OSError: the file cannot be read.
        ValueError: the file has no costs, the hardware is not known, or a cost is given beside it.
    """
    model = costs(options)
    if not costs_given(options):
        return _nothing_given(mean_prompt, climbing=climbing)
    found = [_source(options, model), *_warnings(model, mean_prompt)]
    if climbing and _free_moves(model):
        option = "" if options.table is not None else " (--moved-row)"
        found.append(f"Moved rows are free here{option}.")
    return " ".join(found)


def _nothing_given(mean_prompt: float | None, *, climbing: bool) -> str:
    fixed, step = DEFAULT_COSTS["fixed"], DEFAULT_COSTS["step"]
    mean = "" if mean_prompt is None else f" (their mean is {mean_prompt:,.0f} tokens)"
    free = ", wider batches and moved rows" if climbing else " and wider batches"
    return (
        f"No costs were given: a batch is taken to last {fixed:g} s and {step:g} s a step, whatever"
        f" its prompts and rows; prompts{mean}{free} are free here. Give --costs,"
        " --hardware or single costs to plan for your machine."
    )


def _source(options: argparse.Namespace, model: Costs) -> str:
    if options.hardware is not None:
        found = hardware(options.hardware)
        moved = f"; a moved row takes {options.moved_row:g} s" if options.moved_row else ""
        return f"Costs are computed for {found.name}: {found.description}{moved}."
    if options.table is not None:
        fitted = about(options.table).get("fitted to")
        origin = f", fitted to {fitted}" if fitted else ""
        return f"Costs are those of {options.table}{origin}: {describe_costs(model)}."
    given = single_costs(options)
    assumed = {name: cost for name, cost in DEFAULT_COSTS.items() if name not in given}
    words = f"Costs given: {_listed(given)}."
    return f"{words} Not given, and taken to be {_listed(assumed)}." if assumed else words


def _listed(named: dict[str, float]) -> str:
    return ", ".join(f"{seconds:g} s {WORDS[name]}" for name, seconds in named.items())


def _warnings(model: Costs, mean_prompt: float | None) -> list[str]:
    """Returns a sentence for each kind of work that is free."""
    found = []
    if mean_prompt is not None and mean_prompt >= LONG and _free_prompts(model):
        found.append(f"Prompts are free here, and their mean is {mean_prompt:,.0f} tokens.")
    if _free_rows(model):
        found.append("Wider batches are free here.")
    return found


def _free_prompts(model: Costs) -> bool:
    if isinstance(model, mb.CostTable):
        return not model.prefill.any()
    return model.prompt_token == 0


def _free_moves(model: Costs) -> bool:
    if isinstance(model, mb.CostTable):
        return not model.move.any()
    return model.moved_row == 0


def _free_rows(model: Costs) -> bool:
    if isinstance(model, mb.CostTable):
        return False
    return model.row_step == model.kv_token == model.padded_token == 0
