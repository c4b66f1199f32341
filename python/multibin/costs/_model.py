"""The linear cost model: a sum of terms."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal, TypeAlias

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
