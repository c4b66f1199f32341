"""Predicted beside measured: the figures, the text and the JSON."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from tests.lab.fit_costs.made import KNOWN, made

import multibin as mb
from multibin.lab.fit_costs import Check, Figure, as_json, check, describe, fit_benchmark
from multibin.lab.traces import Trace

SLOTS = mb.Baseline.continuous(32)


@pytest.fixture(scope="module")
def trace() -> Trace:
    return made(n=300)


def test_the_costs_of_the_benchmark_repeat_it(trace: Trace) -> None:
    found = check(trace, KNOWN, SLOTS)
    assert found.requests == 300
    assert found.worst < 1e-6
    assert found.notes == ()


def test_figures_are_those_of_the_columns(trace: Trace) -> None:
    assert trace.measured is not None
    assert trace.arrivals is not None
    slower = replace(KNOWN, step=0.02)
    found = check(trace, slower, SLOTS)
    records = mb.simulate(trace, scheduler=SLOTS, costs=slower)
    p99 = found.figure("latency", "p99")
    assert p99.measured == pytest.approx(np.quantile(trace.measured.latency, 0.99))
    assert p99.predicted == pytest.approx(np.quantile(records.latency, 0.99))
    assert p99.error == pytest.approx(p99.predicted / p99.measured - 1)
    ttft = found.figure("ttft", "mean")
    assert ttft.predicted == pytest.approx((records.first_token - records.arrival).mean())
    rate = found.figure("throughput", "requests")
    last = float((trace.arrivals + trace.measured.latency).max())
    assert rate.measured == pytest.approx(300 / last)
    assert found.figure("tpot", "p50").error > 0.5
    with pytest.raises(KeyError):
        found.figure("latency", "p42")


def test_any_scheduler_may_be_checked(trace: Trace) -> None:
    found = check(trace, KNOWN, mb.SchedulerConfig(mb.Edges([0, 10**6]), 8))
    assert found.worst > 0.5


def test_a_burst_is_noted() -> None:
    found = check(made(n=100, rate=None), KNOWN, SLOTS)
    assert found.worst < 1e-6
    assert "no times of arrival" in found.notes[0]


def test_the_text_of_a_check(trace: Trace) -> None:
    text = describe(check(trace, KNOWN, SLOTS))
    assert text.splitlines()[0] == "300 requests, predicted beside measured:"
    assert "time to first token, p99" in text
    assert text.count("+0.0%") + text.count("-0.0%") == 13
    assert "do not repeat" not in text
    far = describe(check(trace, replace(KNOWN, step=0.03), SLOTS))
    assert "The costs do not repeat this benchmark: " in far.splitlines()[-1]


def test_the_text_of_a_fit(trace: Trace) -> None:
    found = fit_benchmark(trace, slots=32)
    text = describe(found)
    assert text.startswith("fitted costs: mb.CostModel(")
    assert "continuous batching in 32 slots (as given)" in text
    assert "150 requests by costs fitted to the others, predicted beside measured:" in text


def test_json_has_the_same_numbers(trace: Trace) -> None:
    found = fit_benchmark(trace)
    parsed = json.loads(json.dumps(as_json(found), allow_nan=False))
    assert mb.CostModel(**parsed["costs"]) == found.costs
    assert parsed["fitted"]["latency"]["p99"]["predicted"] == pytest.approx(
        found.fitted.figure("latency", "p99").predicted
    )
    assert parsed["held_out"]["requests"] == 150
    assert parsed["notes"] == list(found.notes)


def test_a_figure_without_a_measurement_has_no_error() -> None:
    figures = (Figure("ttft", "p50", 0.0, 0.1), Figure("ttft", "p99", 0.2, 0.1))
    found = Check(figures, requests=50, notes=())
    assert as_json(found)["ttft"]["p50"]["error"] is None
    assert found.worst == pytest.approx(0.5)
    text = describe(found)
    assert "nan" not in text
    assert "time to first token, p99 is -50% off" in text
