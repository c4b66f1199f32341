"""Measurements that others have published, in 16 bits."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["BATCHES", "THROUGHPUTS", "Batch"]

LENGTHS = (
    (128, 128),
    (128, 2048),
    (500, 2000),
    (1000, 1000),
    (2048, 128),
    (2048, 2048),
    (5000, 500),
    (20000, 2000),
)
"""Tokens of prompts and answers."""

THROUGHPUTS = {
    "H100-8B": (16116.63, 9894.49, 7953.1, 7721.07, 1972.07, 4370.61, 1802.2, 621.58),
    "A100-8B": (6552.62, 5220.03, 4191.62, 3753.46, 789.56, 2366.86, 816.09, 330.47),
    "4xH100-70B": (6392.74, 5742.27, 4375.09, 4075.52, 779.81, 2609.39, 874.96, 406.36),
    "4xA100-70B": (2716.71, 2663.76, 2193.81, 1889.72, 320.96, 1341.99, 389.99, 209.39),
}
"""Output tokens per second at maximum load, one for each of the lengths.

Overview of performance of TensorRT-LLM 0.15.0 (NVIDIA/TensorRT-LLM,
``docs/source/performance/perf-overview.md``), columns "Mixed"."""


@dataclass(frozen=True)
class Batch:
    """One batch and its seconds."""

    name: str
    rows: int
    prompt: int
    answer: int
    seconds: float


BATCHES = (
    Batch("H200-8B", 8, 32, 128, 0.833421),
    Batch("4xH200-70B", 8, 32, 128, 2.07753),
)
"""Latency tests of vLLM's performance benchmark: buildkite.com, vllm, build 9515."""
