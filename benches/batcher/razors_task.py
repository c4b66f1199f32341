"""The model as a task of razors-edge-batching-scheduler, which runs it in a process of its own.

Its process imports this module by name. The task times the model when it starts. It takes the least
processor time of some runs, as its own way, by the clock, fails on a machine that others use.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from typing import Any, ClassVar

from benches.batcher import baselines, model

__all__ = ["ROWS", "Embedding"]

# On Python 3.11 it adds `typing.override`, which the next one needs.
baselines.load("batching_executor")
Base: Any = baselines.load("razors_edge.razors_edge_compute_task").RazorsEdgeComputeTask

ROWS = (1, 2, 4, 8, 16, 32)
"""Batch sizes that it times; the last one is the largest that it cuts."""
POINTS = 8
TIMED = 5
"""Runs of each point; the least of them counts."""
Call = tuple[tuple[list[str]], dict[str, Any]]


def nanoseconds(call: Callable[[], object]) -> int:
    """Returns the processor time that this thread spends in a call."""
    began = time.thread_time_ns()
    call()
    return time.thread_time_ns() - began


class Embedding(Base):  # type: ignore[misc]  # the library has no types
    """Embeds texts; a size is the number of tokens."""

    batch_benchmark_sizes: ClassVar[list[int]] = [*ROWS]
    # Below its grid it extrapolates, to times below zero, which it refuses.
    min_input_size = model.SPECIAL + 1
    max_input_size = model.LONGEST
    max_input_points = POINTS
    is_gpu = False

    @classmethod
    def model_test_pattern(cls, call: Callable[[], object]) -> int:
        """Returns the nanoseconds of a call."""
        return min(map(nanoseconds, [call] * TIMED))

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
