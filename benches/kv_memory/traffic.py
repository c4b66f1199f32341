"""The rows of a chat trace, and what they cache."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from multibin.lab import traces
from multibin.llm._engine.size_classes import weights_of

TRACE = Path(__file__).parents[3] / "shared" / "data" / "azure_llm_2023_conv.csv"


@dataclass(frozen=True)
class Rows:
    """The tokens of prompts and of outputs, in the order of arrival."""

    prompts: NDArray[np.int64]
    outputs: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.prompts)

    @cached_property
    def weights(self) -> NDArray[np.float64]:
        """Returns the row-steps by cached positions."""
        return weights_of(self.prompts, self.outputs)

    @property
    def longest(self) -> int:
        """Returns the most positions that a row caches."""
        return len(self.weights) - 1

    @property
    def mean(self) -> float:
        """Returns the positions cached, averaged over row-steps."""
        return float(self.weights @ np.arange(len(self.weights))) / self.steps

    @property
    def steps(self) -> int:
        """Returns the tokens that all rows generate."""
        return int(self.outputs.sum())


def read(path: Path, rows: int | None = None) -> Rows:
    """Reads the first rows of a trace, or all."""
    trace = traces.read(path, rows)
    assert trace.prompt_tokens is not None
    return Rows(trace.prompt_tokens, trace.output_tokens)
