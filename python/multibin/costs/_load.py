"""Reads costs from a file, a table or a linear model."""

from __future__ import annotations

import json
import os
from pathlib import Path

from multibin import _args
from multibin.costs._model import CostModel
from multibin.costs._table import CostTable

__all__ = ["about", "load_costs"]


def load_costs(path: str | os.PathLike[str]) -> CostModel | CostTable:
    """Returns the costs of a file that ``CostTable.save`` or ``CostModel.save`` wrote.

    Raises:
        OSError: the file cannot be read.
        ValueError: the file has neither a table nor a model.

    >>> import multibin as mb, tempfile
    >>> from multibin.costs import load_costs
    >>> with tempfile.NamedTemporaryFile() as file:
    ...     mb.CostModel(step=0.02).save(file.name)
    ...     load_costs(file.name).step
    0.02
    """
    try:
        loaded = json.loads(Path(path).read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{os.fspath(path)} is no cost table or model: {error}") from error
    if not isinstance(loaded, dict) or "step" not in loaded:
        got = ", ".join(loaded) if isinstance(loaded, dict) else _args.shown(loaded)
        rule = "is no cost table or model: the file must have step"
        raise ValueError(f"{os.fspath(path)} {rule}, got {got}")
    return (CostTable if "rows" in loaded else CostModel).load(path)


def about(path: str | os.PathLike[str]) -> dict[str, str]:
    """Returns the facts that a file of costs has of its measurement, or none."""
    found = json.loads(Path(path).read_text(encoding="utf-8")).get("about", {})
    return found if isinstance(found, dict) else {}
