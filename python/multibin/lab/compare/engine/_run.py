"""Runs drawn requests under every policy, with one model."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from tqdm import tqdm

import multibin as mb
from multibin.lab.compare._workloads import Workload
from multibin.lab.compare.engine._policies import POLICIES, EnginePolicy, Fit
from multibin.lab.compare.engine._result import EngineComparison, EngineResult, EngineRun, run_of
from multibin.lab.compare.engine._settings import EngineSettings
from multibin.lab.traces import Trace, chat, describe_trace, from_arrays, read
from multibin.llm._load.load_by_name import load_by_name, threads

__all__ = ["compare_engine", "machine"]

SAMPLE = 4000
"""Requests that the edges are fitted to: others than those that run."""

MOVE_COST = 2.0
"""Steps that a move to the next level and a batch's fixed part cost, for ``Edges.feedback``."""

OUTLYING = 2.0
"""Requests of a trace that are so many times longer than the 95th percentile may be left out."""


def compare_engine(
    settings: EngineSettings, say: Callable[[str], object] = lambda _: None
) -> EngineComparison:
    """Runs every policy ``repeats`` times, in turn.

    Prompts are random tokens, and each request generates exactly its length.

    Args:
        settings: the model, the requests and the bins.
        say: called before the first run with what was read of the trace, if there is one.

    Raises:
        ValueError: the trace or the model cannot be used.

    >>> from multibin.lab.compare.engine import EngineSettings, compare_engine
    >>> compare_engine(EngineSettings(trace="no-such-file.csv"))
    Traceback (most recent call last):
    ValueError: cannot read the trace no-such-file.csv: ...
    """
    small = settings.model is None and settings.width == 1
    with threads(settings.threads, small):
        model, name = load_by_name(settings.model, settings.width, gguf_file=settings.gguf_file)
        workload = _workload(settings, model.context)
        fit = _fit(settings, workload)
        if workload.trace is not None:
            say(describe_trace(workload.trace))
        engines = [
            mb.LLM(model.module, batch_size=settings.batch_size, **policy.options(fit))
            for policy in POLICIES
        ]
        results = [EngineResult(policy) for policy in POLICIES]
        _run_all(settings, workload.played, engines, results)
        model_and_machine = f"{name}; {machine(model.device)}"
    return EngineComparison(_describe(settings, workload, fit, model_and_machine), results)


def _describe(settings: EngineSettings, workload: Workload, fit: Fit, where: str) -> str:
    lengths = workload.played.output_tokens
    return (
        f"{len(lengths)} requests, all present at the start; {workload.source}\n"
        f"output tokens: mean {lengths.mean():.1f}, longest {lengths.max()}; batch size"
        f" {settings.batch_size}; {len(fit.edges)} and {len(fit.levels)} bins (true lengths,"
        f" climbing) fitted on {len(workload.sample)} other requests\n"
        f"{where}; medians of {settings.repeats} interleaved runs"
    )


def _fit(settings: EngineSettings, workload: Workload) -> Fit:
    """Returns edges for the true lengths of requests that do not run."""
    edges = mb.Edges.optimal(workload.sample, settings.bins, settings.batch_size)
    return Fit(edges, mb.Edges.feedback(workload.sample, settings.bins, MOVE_COST))


def _run_all(
    settings: EngineSettings, requests: Trace, engines: list[mb.LLM], results: list[EngineResult]
) -> None:
    pairs = list(zip(engines, results, strict=True))
    for engine, result in pairs:
        _run(result.policy, engine, requests[: settings.batch_size], settings.batch_size)
    with tqdm(total=settings.repeats * len(pairs), unit="run", leave=False, disable=None) as bar:
        for _ in range(settings.repeats):
            for engine, result in pairs:
                bar.set_description(result.policy.title)
                result.runs.append(_run(result.policy, engine, requests, settings.batch_size))
                bar.update()


def _run(policy: EnginePolicy, engine: mb.LLM, requests: Trace, batch_size: int) -> EngineRun:
    """Generates all requests, each to its true length."""
    rng = np.random.default_rng(0)
    vocabulary = engine.model.config.get_text_config().vocab_size
    prompts = [rng.integers(0, vocabulary, n).tolist() for n in requests.prompt_tokens]
    params = [
        mb.SamplingParams(max_tokens=n, temperature=0.0, ignore_eos=True)
        for n in requests.output_tokens.tolist()
    ]
    lengths = requests.output_tokens if policy.predicted else None
    outputs = engine.generate(prompts, params, lengths=lengths, use_tqdm=False)
    return run_of(policy, engine, batch_size, outputs)


def _workload(settings: EngineSettings, context: int) -> Workload:
    n, trace = settings.requests, None
    if settings.trace is None:
        whole, source = chat(n + SAMPLE, seed=0), "built-in chat-like lengths"
    else:
        trace = read(
            settings.trace,
            n + SAMPLE,
            times=False,
            columns=settings.columns,
            time_unit=settings.time_unit,
        )
        whole, said = _without_outliers(trace, context)
        whole, cut = _with_cut_prompts(whole, context)
        source = f"{settings.trace}, timestamps ignored{said}{cut}"
    if len(whole) <= n:
        raise ValueError(f"{source}: {len(whole)} rows, but the edges need some after {n}")
    requests, factor = whole[:n].fitted(context)
    if settings.trace is not None or factor != 1:
        source += f", tokens × {factor:.4g}"
    sample = np.floor(whole[n:].output_tokens * factor).clip(1, context).astype(np.int64)
    return Workload(requests, sample, source, trace=trace)


def _without_outliers(whole: Trace, context: int) -> tuple[Trace, str]:
    """Returns the trace without requests that would scale all others down, and says how many.

    These are longer than the context and than `OUTLYING` times the 95th percentile.
    """
    tokens = whole.prompt_tokens + whole.output_tokens
    if not len(tokens):
        return whole, ""
    longest = max(context, int(OUTLYING * np.quantile(tokens, 0.95)))
    kept = tokens <= longest
    if kept.all():
        return whole, ""
    count = len(tokens) - int(kept.sum())
    said = f", {count} of {len(tokens)} requests left out (too long: over {longest:,} tokens)"
    return whole[kept], said


def _with_cut_prompts(whole: Trace, context: int) -> tuple[Trace, str]:
    """Returns the trace with prompts that leave room for its outputs, and says how many were cut.

    Scaling instead would leave nothing of short outputs. Long ones are scaled.
    """
    room = context - int(whole.output_tokens.max(initial=0))
    count = int((whole.prompt_tokens > room).sum())
    if not count or room < context // 2:
        return whole, ""
    prompts = np.minimum(whole.prompt_tokens, room)
    said = f", {count} of {len(prompts)} prompts cut to {room:,} tokens"
    return from_arrays(prompts, whole.output_tokens), said


def machine(device: torch.device) -> str:
    """Returns the device, the threads and the version of torch."""
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else device.type.upper()
    return f"{name}, {torch.get_num_threads()} threads, torch {torch.__version__}"
