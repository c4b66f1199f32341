"""Benchmarks made from known costs."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np

import multibin as mb
from multibin.lab.traces import Measured, Trace, arrivals, from_arrays

__all__ = ["KNOWN", "made", "write"]

KNOWN = mb.CostModel(
    fixed=0.005, prompt_token=5e-5, step=0.01, row_step=3e-4, kv_token=2e-7, completes="row"
)


def made(
    costs: mb.CostModel = KNOWN,
    *,
    slots: int = 32,
    n: int = 400,
    rate: float | None = 4.0,
    noise: float = 0.0,
    seed: int = 0,
) -> Trace:
    """Returns a trace with the times of a simulation; ``noise`` is relative, of decode times.

    First tokens are late by a mean of 5 · ``noise`` steps. Without a rate all come at once.
    """
    rng = np.random.default_rng(seed)
    prompt = 1 + np.exp(rng.normal(5.5, 1.0, n)).astype(int)
    answer = 1 + np.exp(rng.normal(4.5, 0.8, n)).astype(int)
    times = None if rate is None else arrivals.poisson(n, rate=rate, seed=seed + 1)
    trace = from_arrays(prompt, answer, arrivals=times)
    records = mb.simulate(trace, scheduler=mb.Baseline.continuous(slots), costs=costs)
    ttft = records.first_token - records.arrival + 5 * noise * costs.step * rng.exponential(1.0, n)
    decode = (records.finish - records.first_token) * np.exp(noise * rng.normal(size=n))
    tpot = np.where(answer > 1, decode / np.maximum(answer - 1, 1), np.nan)
    return replace(trace, measured=Measured(ttft, ttft + decode, tpot))


def write(trace: Trace, path: Path) -> None:
    """Writes a benchmark as ``vllm bench serve --save-result --save-detailed`` does."""
    assert trace.measured is not None
    tpots = np.nan_to_num(trace.measured.tpot).tolist()
    columns = {
        "input_lens": trace.prompt_tokens.tolist(),
        "output_lens": trace.output_tokens.tolist(),
        "ttfts": trace.measured.ttft.tolist(),
        "itls": [
            [tpot] * (length - 1)
            for tpot, length in zip(tpots, trace.output_tokens.tolist(), strict=True)
        ],
        "errors": [""] * len(trace),
        "generated_texts": [""] * len(trace),
    }
    if trace.arrivals is not None:
        columns["start_times"] = (1000.0 + trace.arrivals).tolist()
    head = {"backend": "vllm", "num_prompts": len(trace), "completed": len(trace)}
    path.write_text(json.dumps(head | columns))
