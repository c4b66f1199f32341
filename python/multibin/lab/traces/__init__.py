"""Workloads: when requests arrive, what they bring and take, and what is predicted of them.

``Trace`` is the data. ``read`` takes it from a file and ``from_arrays`` from arrays; ``arrivals``,
``lengths`` and ``predictions`` draw the three parts of it, each function with its own seed::

    real = read("AzureLLMInferenceTrace_conv.csv")
    n = 100_000
    trace = real.resample(n, seed=0).with_arrivals(arrivals.poisson(n, rate=2.0, seed=1))
    trace = trace.with_predicted(predictions.log_normal(trace.output_tokens, sigma=0.5, seed=2))

Units: tokens, seconds, requests per second.
"""

from __future__ import annotations

from multibin.lab.traces import arrivals, lengths, predictions
from multibin.lab.traces._chat import chat
from multibin.lab.traces._read import read
from multibin.lab.traces._trace import Trace, from_arrays

__all__ = ["Trace", "arrivals", "chat", "from_arrays", "lengths", "predictions", "read"]
