"""A sum of linear terms."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal, TypeAlias

__all__ = ["COMPLETIONS", "Completion", "CostModel"]

Completion: TypeAlias = Literal["batch", "row"]

COMPLETIONS: tuple[Completion, ...] = ("batch", "row")


@dataclass(frozen=True)
class CostModel:
    """Seconds that a batch takes, a sum of linear terms.

    The paper's model (arXiv 2412.04504) has ``step`` alone: the longest member decides. ``fixed``,
    ``prompt_token``, ``step`` and ``row_step`` make an affine one; ``kv_token`` counts what a
    decode step reads of every row's cache, so that age matters; ``padded_token`` is for fixed
    shapes and padded caches, where all rows cost as much as the oldest one until the batch ends.
    """

    fixed: float = 0.0
    """Per batch."""
    prompt_token: float = 0.0
    """Per token of a prompt that is new."""
    moved_row: float = 0.0
    """Per row that comes with its state from another batch."""
    step: float = 0.0
    """Per step."""
    row_step: float = 0.0
    """Per step and unfinished row."""
    kv_token: float = 0.0
    """Per step and token in the caches of the unfinished rows."""
    padded_token: float = 0.0
    """Per step and token, were all rows as old as the oldest."""
    completes: Completion = "batch"
    """When a request counts as finished: with its batch (the paper) or with its own last step."""

    @property
    def parameters(self) -> dict[str, Any]:
        """The coefficients by name."""
        costs = asdict(self)
        del costs["completes"]
        return costs

    @property
    def data(self) -> dict[str, Any]:
        """Everything for ``json.dumps``."""
        return asdict(self)
