"""The engine: text generation with transformers models, in batches formed by multibin."""

from multibin.llm.llm import LLM
from multibin.llm.outputs import BatchRecord, CompletionOutput, RequestMetrics, RequestOutput
from multibin.llm.params import SamplingParams

__all__ = [
    "LLM",
    "BatchRecord",
    "CompletionOutput",
    "RequestMetrics",
    "RequestOutput",
    "SamplingParams",
]
