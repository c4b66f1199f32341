"""Reads costs from a file, a table or a linear model."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from multibin.costs._model import CostModel
from multibin.costs._table import CostTable

__all__ = ["load_costs"]


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
    if "step" in (loaded := _object(path)) and isinstance(loaded["step"], int | float):
        return CostModel.load(path)
    return CostTable.load(path)


def _object(path: str | os.PathLike[str]) -> dict[str, Any]:
    """Returns the file's JSON object, or an empty one for what the table's error names."""
    try:
        loaded = json.loads(Path(path).read_text(encoding="utf-8"))
    except ValueError:
        return {}
    return loaded if isinstance(loaded, dict) else {}
