"""The model as a task of razors-edge-batching-scheduler, which runs it in a process of its own.

Its process imports this module by name. The task times the model when it starts.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, ClassVar

from benches.batcher import baselines, model

__all__ = ["ROWS", "Embedding"]

baselines.load(
    "batching_executor"
)  # On Python 3.11 it adds `typing.override`, which the next one needs.
Base: Any = baselines.load("razors_edge.razors_edge_compute_task").RazorsEdgeComputeTask

ROWS = (1, 2, 4, 8, 16, 32)
"""Batch sizes that it times; the last one is the largest that it cuts."""
POINTS = 8
Call = tuple[tuple[list[str]], dict[str, Any]]


class Embedding(Base):  # type: ignore[misc]  # the library has no types
    """Embeds texts; a size is the number of tokens."""

    batch_benchmark_sizes: ClassVar[list[int]] = [*ROWS]
    min_input_size = model.SHORTEST
    max_input_size = model.LONGEST
    max_input_points = POINTS
    is_gpu = False

    def load_model(self, _: object) -> Any:
        return model.embedder()

    def generate_test_input(self, batch_size: int, input_size: int) -> Call:
        return self.create_batch([model.text(int(input_size))] * batch_size)

    def get_input_size(self, _: object, text: str) -> int:
        return model.count_tokens(text)

    def create_batch(self, texts: list[str]) -> Call:
        return (texts,), {}

    def postprocess_output(self, vectors: Iterable[model.Vector]) -> Iterable[model.Vector]:
        return vectors
