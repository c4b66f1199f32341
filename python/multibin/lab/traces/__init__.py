"""Workloads: arrivals, prompts, outputs and predictions of requests.

``Trace`` is the data. ``read`` reads it from a file, and ``from_arrays`` takes arrays.
``describe_trace`` says what was read.
``arrivals``, ``lengths`` and ``predictions`` draw its three parts, each function with its own seed.

>>> from multibin.lab.traces import arrivals, chat, predictions
>>> n = 1000
>>> trace = chat(n, seed=0).with_arrivals(arrivals.poisson(n, rate=2.0, seed=1))
>>> trace = trace.with_predicted(predictions.log_normal(trace.output_tokens, sigma=0.5, seed=2))
>>> 1.8 < trace.rate < 2.2
True

Units: tokens, seconds, requests per second.
"""

from __future__ import annotations

from multibin.lab.traces import arrivals, lengths, predictions
from multibin.lab.traces._chat import chat
from multibin.lab.traces._describe import describe_trace, trace_as_json
from multibin.lab.traces._measured import Measured
from multibin.lab.traces._prefixes import Prefixes
from multibin.lab.traces._read import read
from multibin.lab.traces._source import Source
from multibin.lab.traces._trace import Trace, from_arrays

__all__ = [
    "Measured",
    "Prefixes",
    "Source",
    "Trace",
    "arrivals",
    "chat",
    "describe_trace",
    "from_arrays",
    "lengths",
    "predictions",
    "read",
    "trace_as_json",
]
