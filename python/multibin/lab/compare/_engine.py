"""``multibin demo``: the same requests under four policies, with the same engine."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from tqdm import tqdm

import multibin as mb
from multibin._args import integer
from multibin.lab.traces import Trace, chat, read
from multibin.llm._load.load_by_name import load_by_name, threads
from multibin.llm._outputs import BatchRecord, RequestOutput

SAMPLE = 4000
"""Requests that the edges are fitted on: others than those that run."""

MOVE_COST = 2.0
"""What a move to the next bin and a batch's fixed part cost, in steps, for `Edges.feedback`."""


@dataclass(frozen=True)
class Settings:
    """The arguments of the command, which the command line describes."""

    model: str | None = None
    trace: str | None = None
    requests: int = 400
    bins: int = 8
    batch_size: int = 8
    repeats: int = 3
    width: int = 1
    threads: int | None = None

    def __post_init__(self) -> None:
        for name in ("requests", "bins", "batch_size", "repeats", "width"):
            integer(name, getattr(self, name), low=1)
        if self.threads is not None:
            integer("threads", self.threads, low=1)


@dataclass(frozen=True)
class Policy:
    """A way to batch: options of `LLM`, and whether it is told the true lengths."""

    name: str
    oracle: bool
    options: dict[str, Any]

    @property
    def bins(self) -> int:
        """How many there are: fewer than asked for where lengths are few."""
        return len(self.options.get("edges", [0]))


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
        """Batches of the last run; nothing in a policy depends on time, so every run makes them."""
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
    """What runs, the output lengths that the edges are fitted on, and where both come from."""

    requests: Trace
    sample: NDArray[np.int64]
    source: str


def demo(settings: Settings) -> tuple[str, list[Result]]:
    """Runs every policy `repeats` times, interleaved; returns the configuration in words too.

    Raises ``ValueError`` for a trace or a model that cannot be used.
    """
    small = settings.model is None and settings.width == 1
    with threads(settings.threads, small):
        model, name = load_by_name(settings.model, settings.width)
        workload = _workload(settings, model.context)
        chosen = policies(settings, workload.sample)
        engines = [
            mb.LLM(model.module, batch_size=settings.batch_size, **policy.options)
            for policy in chosen
        ]
        results = [Result(policy, settings.batch_size) for policy in chosen]
        _play(settings, workload, engines, results)
        return _words(settings, name, model.device, workload, chosen), results


def _play(
    settings: Settings, workload: Workload, engines: list[mb.LLM], results: list[Result]
) -> None:
    pairs = list(zip(engines, results, strict=True))
    warm_up = workload.requests[: settings.batch_size]
    for engine, result in pairs:
        _run(result.policy, engine, warm_up)
    bar = tqdm(total=settings.repeats * len(pairs), unit="run", leave=False)
    with bar:
        for _ in range(settings.repeats):
            for engine, result in pairs:
                bar.set_description(result.policy.name)
                result.runs.append(_run(result.policy, engine, workload.requests))
                bar.update()


def policies(settings: Settings, lengths: NDArray[np.int64]) -> list[Policy]:
    """FIFO, the paper's bins, elastic bins, and bins that need no prediction."""
    bins = settings.bins
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
        f"{'policy':26} {'requests/s':>10} {'useful tokens/s':>16} {'slot efficiency':>16}"
        f" {'steps':>6} {'rows computed':>13} {'mean latency':>12} {'p99':>7}"
    )
    return "\n".join([header, *(_line(result, results[0]) for result in results)])


def _line(result: Result, first: Result) -> str:
    rate = result.tokens / result.seconds
    speedup = first.seconds / result.seconds
    efficiency = result.slot_efficiency
    return (
        f"{result.policy.name:26} {len(result.runs[-1].latencies) / result.seconds:10.1f}"
        f" {rate:7.0f} ({speedup:4.2f} x)"
        f" {efficiency:7.3f} ({efficiency / first.slot_efficiency:4.2f} x)"
        f" {result.steps:6,} {result.rows_computed:13,}"
        f" {result.latency():10.2f} s {result.latency(0.99):5.2f} s"
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


def _workload(settings: Settings, context: int) -> Workload:
    n = settings.requests
    if settings.trace is None:
        whole, source = chat(n + SAMPLE, seed=0), "built-in chat-like lengths"
    else:
        whole, source = read(settings.trace, n + SAMPLE, times=False), settings.trace
        source += ", timestamps ignored"
    if len(whole) <= n:
        raise ValueError(f"trace: {source} has {len(whole)} rows; edges need some after {n}")
    requests, factor = whole[:n].fitted(context)
    if settings.trace is not None or factor != 1:
        source += f", tokens × {factor:.4g}"
    sample = np.floor(whole[n:].output_tokens * factor).clip(1, context).astype(np.int64)
    return Workload(requests, sample, source)


def _words(
    settings: Settings,
    model: str,
    device: torch.device,
    workload: Workload,
    chosen: Sequence[Policy],
) -> str:
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else device.type.upper()
    lengths = workload.requests.output_tokens
    bins = " and ".join(str(policy.bins) for policy in (chosen[1], chosen[-1]))
    return (
        f"{len(lengths)} requests, all present at the start; {workload.source}\n"
        f"output tokens: mean {lengths.mean():.1f}, longest {lengths.max()}; batch size"
        f" {settings.batch_size}; {bins} bins (true lengths, climbing) fitted on"
        f" {len(workload.sample)} other requests\n"
        f"{model}; {name}, {torch.get_num_threads()} threads, torch {torch.__version__}; medians of"
        f" {settings.repeats} interleaved runs"
    )
