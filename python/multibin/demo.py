"""``multibin demo``: the same requests under four policies, with the same engine."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import Any

import numpy as np
import torch

import multibin as mb
from multibin.llm.outputs import BatchRecord, RequestOutput
from multibin.llm.tiny import tiny_model
from multibin.traces import Trace, chat, read_csv

SAMPLE = 4000
"""Requests that the edges are fitted on: others than those that run."""

MOVE_COST = 2.0
"""What a move to the next bin and a batch's fixed part cost, in steps, for `Edges.feedback`."""


@dataclass(frozen=True)
class Settings:
    """The arguments of the command."""

    model: str | None = None
    trace: str | None = None
    requests: int = 400
    bins: int = 8
    batch_size: int = 8
    repeats: int = 3
    width: int = 1

    def __post_init__(self) -> None:
        for name in ("requests", "bins", "batch_size", "repeats", "width"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name}: {getattr(self, name)} is not at least 1")


@dataclass(frozen=True)
class Policy:
    """A way to batch: options of `LLM`, and whether it is told the true lengths."""

    name: str
    oracle: bool
    options: dict[str, Any]


@dataclass(frozen=True)
class Run:
    """One policy once through all requests."""

    seconds: float
    latencies: list[float]
    records: list[BatchRecord]


@dataclass
class Result:
    """A policy and its runs."""

    policy: Policy
    batch_size: int
    runs: list[Run] = field(default_factory=list)

    @property
    def records(self) -> list[BatchRecord]:
        """Batches of the last run: every run makes the same ones."""
        return self.runs[-1].records

    @property
    def seconds(self) -> float:
        """Median over the runs."""
        return median(run.seconds for run in self.runs)

    @property
    def tokens(self) -> int:
        """Tokens that were asked for and generated."""
        return sum(record.useful_tokens for record in self.records)

    @property
    def slot_efficiency(self) -> float:
        """Useful tokens over batch size × steps of each batch's longest run."""
        return self.tokens / (self.batch_size * self.steps)

    @property
    def steps(self) -> int:
        """Steps of each batch's longest run, summed: one token a row each."""
        return sum(record.steps for record in self.records)

    @property
    def rows_computed(self) -> int:
        """Rows summed over all forward passes."""
        return sum(record.rows_computed for record in self.records)

    def latency(self, quantile: float | None = None) -> float:
        """Seconds from the start to a request's end: the mean or a quantile, median over runs."""
        of = np.mean if quantile is None else lambda values: np.quantile(values, quantile)
        return median(float(of(run.latencies)) for run in self.runs)


@dataclass(frozen=True)
class Workload:
    """What runs, what the edges are fitted on, and where it comes from."""

    requests: Trace
    sample: Trace
    source: str


def demo(settings: Settings) -> tuple[str, list[Result]]:
    """Runs every policy `repeats` times, interleaved; returns the configuration in words too.

    Raises ``ValueError`` for a trace or a model that cannot be used.
    """
    model, context, name = _model(settings)
    workload = _workload(settings, context)
    engines = {
        policy.name: (policy, mb.LLM(model, batch_size=settings.batch_size, **policy.options))
        for policy in policies(settings, workload.sample)
    }
    results = {key: Result(policy, settings.batch_size) for key, (policy, _) in engines.items()}
    warm_up = workload.requests[: settings.batch_size]
    for policy, engine in engines.values():
        _run(policy, engine, warm_up)
    for _ in range(settings.repeats):
        for key, (policy, engine) in engines.items():
            results[key].runs.append(_run(policy, engine, workload.requests))
    return _words(settings, name, workload), list(results.values())


def policies(settings: Settings, sample: Trace) -> list[Policy]:
    """FIFO, the paper's bins, elastic bins, and bins that need no prediction."""
    bins, lengths = settings.bins, sample.output_tokens
    optimal = mb.Edges.optimal(lengths, bins, settings.batch_size)
    levels = mb.Edges.feedback(lengths, bins, MOVE_COST)
    return [
        Policy("FIFO", False, {"scheduling": "fifo"}),
        Policy(
            "strict bins, true lengths",
            True,
            {"edges": optimal, "fill": "strict", "overrun": "finish"},
        ),
        Policy(
            "elastic bins, true lengths",
            True,
            {"edges": optimal, "fill": "elastic", "overrun": "finish"},
        ),
        Policy("climbing, no prediction", False, {"edges": levels, "overrun": "climb"}),
    ]


def table(results: Sequence[Result]) -> str:
    """The results as text, ratios to the first policy in brackets."""
    header = (
        f"{'policy':27} {'requests/s':>10} {'useful tokens/s':>18} {'slot efficiency':>17}"
        f" {'steps':>7} {'rows computed':>13} {'mean latency':>12} {'p99':>8}"
    )
    first = results[0]
    return "\n".join([header, *(_line(result, first) for result in results)])


def _line(result: Result, first: Result) -> str:
    rate = result.tokens / result.seconds
    speedup = first.seconds / result.seconds
    efficiency = result.slot_efficiency
    return (
        f"{result.policy.name:27} {len(result.runs[-1].latencies) / result.seconds:10.1f}"
        f" {rate:9.0f} ({speedup:4.2f} x)"
        f" {efficiency:8.3f} ({efficiency / first.slot_efficiency:4.2f} x)"
        f" {result.steps:7,} {result.rows_computed:13,}"
        f" {result.latency():10.2f} s {result.latency(0.99):6.2f} s"
    )


def _run(policy: Policy, engine: mb.LLM, requests: Trace) -> Run:
    """Generates all requests, each exactly as long as it is to be."""
    rng = np.random.default_rng(0)
    vocabulary = engine.model.config.get_text_config().vocab_size
    prompts = [rng.integers(0, vocabulary, n).tolist() for n in requests.prompt_tokens]
    params = [
        mb.SamplingParams(max_tokens=n, temperature=0.0, ignore_eos=True)
        for n in requests.output_tokens.tolist()
    ]
    lengths = requests.output_tokens if policy.oracle else None
    outputs = engine.generate(prompts, params, lengths=lengths, use_tqdm=False)
    latencies = [_latency(output) for output in outputs]
    return Run(max(latencies), latencies, engine.records)


def _latency(output: RequestOutput) -> float:
    return output.metrics.finished_time - output.metrics.arrival_time


def _model(settings: Settings) -> tuple[Any, int, str]:
    """The model or its name, its context in tokens, and what to call it."""
    if settings.model is None:
        model = tiny_model(settings.width)
        config = model.config
        words = f"Llama of hidden size {config.hidden_size}, {config.num_hidden_layers} layers"
        return model, config.max_position_embeddings, f"built-in {words}, random weights"
    loaded = mb.LLM(settings.model)
    return loaded.model, loaded.context, settings.model


def _workload(settings: Settings, context: int) -> Workload:
    n = settings.requests
    if settings.trace is None:
        whole, source = chat(n + SAMPLE, seed=0), "built-in chat-like lengths"
    else:
        whole, source = read_csv(settings.trace, n + SAMPLE), settings.trace
    if len(whole) <= n:
        raise ValueError(f"trace: {source} has {len(whole)} rows; edges need some after {n}")
    fitted, factor = whole.fitted(context)
    if settings.trace is not None:
        source += f" (tokens × {factor:.4g}, timestamps ignored)"
    return Workload(fitted[:n], fitted[n:], source)


def _words(settings: Settings, model: str, workload: Workload) -> str:
    device = f"{torch.cuda.get_device_name()}" if torch.cuda.is_available() else "CPU"
    lengths = workload.requests.output_tokens
    return (
        f"{len(workload.requests)} requests, all present at the start; {workload.source}: output"
        f" tokens mean {lengths.mean():.1f}, longest {lengths.max()}\n"
        f"batch size {settings.batch_size}, {settings.bins} bins fitted on {len(workload.sample)}"
        f" other requests; {model}\n"
        f"{device}, {torch.get_num_threads()} threads, torch {torch.__version__}; medians of"
        f" {settings.repeats} interleaved runs, prefill and moves included"
    )
