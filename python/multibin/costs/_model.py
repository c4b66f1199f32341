"""The linear cost model: a sum of terms."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, Literal, TypeAlias

from multibin import _args
from multibin.costs._file import loaded

__all__ = ["COMPLETIONS", "Completion", "CostModel"]

Completion: TypeAlias = Literal["batch", "row"]

COMPLETIONS: tuple[Completion, ...] = ("batch", "row")


@dataclass(frozen=True)
class CostModel:
    """Seconds that a batch takes: a sum of linear terms.

    The paper's model (arXiv 2412.04504) has ``step`` alone: the longest row decides. ``fixed``,
    ``prompt_token``, ``step`` and ``row_step`` make an affine model. ``kv_token`` counts what a
    decode step reads from the caches of all rows, so that age matters. ``padded_token`` is for
    fixed shapes and padded caches: all rows cost as much as the oldest one until the batch ends.

    >>> import multibin as mb
    >>> costs = mb.CostModel(fixed=0.05, step=0.02, completes="row")
    >>> costs.parameters["step"], costs.data["completes"]
    (0.02, 'row')
    """

    fixed: float = 0.0
    """Seconds per batch."""
    prompt_token: float = 0.0
    """Seconds per token of a new prompt."""
    moved_row: float = 0.0
    """Seconds per row that comes with its state from another batch."""
    step: float = 0.0
    """Seconds per step."""
    row_step: float = 0.0
    """Seconds per step and unfinished row."""
    kv_token: float = 0.0
    """Seconds per step and token in the caches of the unfinished rows."""
    padded_token: float = 0.0
    """Seconds per step and padded token: rows × the tokens in the longest cache."""
    completes: Completion = "batch"
    """When a request counts as finished: with its "batch" (the paper), or with its own "row"."""

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> CostModel:
        """Returns the model that ``save`` wrote.

        Raises:
            OSError: the file cannot be read.
            ValueError: the file is no cost model.

        >>> import multibin as mb
        >>> mb.CostModel.load("no-such-file.json")
        Traceback (most recent call last):
        FileNotFoundError: ...
        """
        return loaded(path, lambda found: cls(**_arguments(found)), "cost model")

    def save(self, path: str | os.PathLike[str], *, about: Mapping[str, str] | None = None) -> None:
        """Writes JSON with a line for each field, and facts of the measurement in ``about``.

        >>> import multibin as mb, tempfile
        >>> costs = mb.CostModel(step=0.02, completes="row")
        >>> with tempfile.NamedTemporaryFile() as file:
        ...     costs.save(file.name)
        ...     mb.CostModel.load(file.name) == costs
        True
        """
        data = self.data if about is None else {"about": dict(about), **self.data}
        Path(path).write_text(json.dumps(data, indent=2) + "\n", encoding="utf-8")

    @property
    def parameters(self) -> dict[str, Any]:
        """Returns the coefficients by name."""
        costs = asdict(self)
        del costs["completes"]
        return costs

    @property
    def data(self) -> dict[str, Any]:
        """Returns all fields, for ``json.dumps``."""
        return asdict(self)


def _arguments(loaded: Any) -> dict[str, Any]:
    """Returns the fields of a model from JSON, of which all but ``step`` may be left out."""
    if not isinstance(loaded, dict):
        raise TypeError(_args.sentence("the file", "a JSON object", loaded))
    names = [f.name for f in fields(CostModel)]
    if "step" not in loaded:
        raise ValueError(f"the file must have step, got {', '.join(loaded)}")
    given = {name: value for name, value in loaded.items() if name != "about"}
    for name, value in given.items():
        _args.one_of("a name", name, names)
        if name == "completes":
            _args.one_of(name, value, COMPLETIONS)
        else:
            _args.number(name, value, low=0)
    return given
