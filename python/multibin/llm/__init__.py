"""The engine: text generation with transformers models, in batches formed by multibin.

`_load` turns a folder, a hub id or a model object into a checked `Model`; it alone knows
transformers. `_engine` runs it: requests, schedule, KV cache, prefill, decode, sampling, text.
"""

from multibin.llm._async_llm import AsyncLLM
from multibin.llm._llm import LLM
from multibin.llm._outputs import (
    BatchRecord,
    CompletionOutput,
    Logprob,
    RequestMetrics,
    RequestOutput,
)
from multibin.llm._params import SamplingParams

__all__ = [
    "LLM",
    "AsyncLLM",
    "BatchRecord",
    "CompletionOutput",
    "Logprob",
    "RequestMetrics",
    "RequestOutput",
    "SamplingParams",
]
