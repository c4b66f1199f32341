"""The function as a task of Razor's Edge, in the process that it starts."""

from __future__ import annotations

import os
import time
from typing import Any

from razors_edge.razors_edge_compute_task import RazorsEdgeComputeTask

from ._http import served_model


class Task(RazorsEdgeComputeTask):  # type: ignore[misc]
    """Its table of batch times is measured on calls that sleep: batches of more rows pay."""

    batch_benchmark_sizes = [1, 2, 4, int(os.environ.get("MODEL_ROWS", "8"))]  # noqa: RUF012
    min_input_size = 1
    max_input_size = 300
    max_input_points = 3
    is_gpu = False

    def load_model(self, model_pool: Any) -> Any:  # noqa: ARG002
        model = served_model()

        def run(items: list[str]) -> list[Any]:
            if items[0].startswith("warm"):
                time.sleep(0.002 + 0.0001 * len(items))
                return items
            return model(items)

        return run

    def generate_test_input(self, batch_size: int, input_size: int) -> Any:
        return (["warm " + "x" * input_size] * batch_size,), {}

    def get_input_size(self, input_data: str, preprocessed_input: Any) -> int:  # noqa: ARG002
        return len(input_data)

    def create_batch(self, to_batch: list[str]) -> Any:
        return (to_batch,), {}

    def postprocess_output(self, call_output: Any) -> Any:
        return call_output
