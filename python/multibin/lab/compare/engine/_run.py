"""Runs one workload under four policies, with one model."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from tqdm import tqdm

import multibin as mb
from multibin.lab.compare._policies import Fit, Policy, by_name
from multibin.lab.compare._workloads import Workload
from multibin.lab.compare.engine._result import EngineComparison, EngineResult, EngineRun
from multibin.lab.compare.engine._settings import EngineSettings
from multibin.lab.traces import Trace, chat, read
from multibin.llm._load.load_by_name import load_by_name, threads
from multibin.llm._outputs import RequestOutput

__all__ = ["compare_engine"]

POLICIES = ("fifo", "strict", "elastic", "climb")

SAMPLE = 4000
"""Requests that the edges are fitted to: others than those that run."""

MOVE_COST = 2.0
"""Steps that a move to the next level and a batch's fixed part cost, for ``Edges.feedback``."""


def compare_engine(settings: EngineSettings) -> EngineComparison:
    """Runs every policy ``repeats`` times, in turn.

    Raises:
        ValueError: the trace or the model cannot be used.

    >>> from multibin.lab.compare.engine import EngineSettings, compare_engine
    >>> compare_engine(EngineSettings(trace="no-such-file.csv"))
    Traceback (most recent call last):
    ValueError: cannot read the trace no-such-file.csv: ...
    """
    small = settings.model is None and settings.width == 1
    with threads(settings.threads, small):
        model, name = load_by_name(settings.model, settings.width)
        workload = _workload(settings, model.context)
        fit = _fit(settings, workload)
        results = [EngineResult(policy, settings.batch_size) for policy in by_name(POLICIES)]
        engines = [
            mb.LLM(model.module, batch_size=settings.batch_size, **_options(result.policy, fit))
            for result in results
        ]
        _run_all(settings, workload.played, engines, results)
        return EngineComparison(settings, workload, fit, name, _machine(model.device), results)


def _fit(settings: EngineSettings, workload: Workload) -> Fit:
    """Returns edges for the true lengths of requests that do not run."""
    edges = mb.Edges.optimal(workload.sample, settings.bins, settings.batch_size)
    levels = mb.Edges.feedback(workload.sample, settings.bins, MOVE_COST)
    return Fit(settings.batch_size, edges, levels)


def _options(policy: Policy, fit: Fit) -> dict[str, Any]:
    """Returns the options of ``LLM`` that form the batches of a policy."""
    if policy.name == "fifo":
        return {"scheduling": "fifo"}
    config = policy.former(fit)
    assert isinstance(config, mb.SchedulerConfig)
    return {"edges": config.edges, "fill": config.fill, "overrun": config.overrun}


def _run_all(
    settings: EngineSettings, requests: Trace, engines: list[mb.LLM], results: list[EngineResult]
) -> None:
    pairs = list(zip(engines, results, strict=True))
    for engine, result in pairs:
        _run(result.policy, engine, requests[: settings.batch_size])  # Warms up.
    with tqdm(total=settings.repeats * len(pairs), unit="run", leave=False) as bar:
        for _ in range(settings.repeats):
            for engine, result in pairs:
                bar.set_description(result.policy.name)
                result.runs.append(_run(result.policy, engine, requests))
                bar.update()


def _run(policy: Policy, engine: mb.LLM, requests: Trace) -> EngineRun:
    """Generates all requests, each to its true length."""
    rng = np.random.default_rng(0)
    vocabulary = engine.model.config.get_text_config().vocab_size
    prompts = [rng.integers(0, vocabulary, n).tolist() for n in requests.prompt_tokens]
    params = [
        mb.SamplingParams(max_tokens=n, temperature=0.0, ignore_eos=True)
        for n in requests.output_tokens.tolist()
    ]
    lengths = None if policy.blind else requests.output_tokens
    outputs = engine.generate(prompts, params, lengths=lengths, use_tqdm=False)
    return EngineRun([_latency(output) for output in outputs], engine.records)


def _latency(output: RequestOutput) -> float:
    return output.metrics.finished_time - output.metrics.arrival_time


def _workload(settings: EngineSettings, context: int) -> Workload:
    n = settings.requests
    if settings.trace is None:
        whole, source = chat(n + SAMPLE, seed=0), "built-in chat-like lengths"
    else:
        whole, source = read(settings.trace, n + SAMPLE, times=False), settings.trace
        source += ", timestamps ignored"
    if len(whole) <= n:
        raise ValueError(f"{source}: {len(whole)} rows, but the edges need some after {n}")
    requests, factor = whole[:n].fitted(context)
    if settings.trace is not None or factor != 1:
        source += f", tokens × {factor:.4g}"
    sample = np.floor(whole[n:].output_tokens * factor).clip(1, context).astype(np.int64)
    return Workload(requests, sample, source)


def _machine(device: torch.device) -> str:
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else device.type.upper()
    return f"{name}, {torch.get_num_threads()} threads, torch {torch.__version__}"
