"""Fits recover known costs, with noise too, and say what a benchmark cannot show."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from tests.lab.fit_costs.made import KNOWN, made

import multibin as mb
from multibin.costs import hardware
from multibin.lab.fit_costs import fit_benchmark
from multibin.lab.fit_costs._work import TERMS
from multibin.lab.traces import Measured, Source, chat, from_arrays

MODELS = {"known": KNOWN, "hardware": hardware("H100-8B").costs}


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("rate", [6.0, None])
def test_known_costs_come_back(name: str, rate: float | None) -> None:
    costs = MODELS[name]
    found = fit_benchmark(made(costs, rate=rate, slots=16), slots=16)
    # Alone a term may be hidden behind another; a step of 8 rows of 300 tokens may not.
    ours, theirs = (
        (each.step + 8 * each.row_step + 2400 * each.kv_token, each.fixed + 300 * each.prompt_token)
        for each in (found.costs, costs)
    )
    assert ours == pytest.approx(theirs, rel=0.05)
    assert found.costs.completes == "row"
    assert found.fitted.worst < 0.06


def test_single_terms_come_back_where_loads_differ() -> None:
    found = fit_benchmark(made(rate=6.0, n=800), slots=32).costs
    for name in TERMS:
        assert getattr(found, name) == pytest.approx(getattr(KNOWN, name), rel=0.25), name
    assert found.step == pytest.approx(KNOWN.step, rel=0.05)
    assert found.prompt_token == pytest.approx(KNOWN.prompt_token, rel=0.05)


@pytest.mark.parametrize("seed", range(3))
def test_noise_leaves_predictions_right(seed: int) -> None:
    found = fit_benchmark(made(noise=0.05, n=600, seed=seed), slots=32)
    for metric in ("latency", "tpot"):
        for statistic in ("mean", "p50", "p90"):
            assert abs(found.fitted.figure(metric, statistic).error) < 0.05
            assert found.held_out is not None
            assert abs(found.held_out.figure(metric, statistic).error) < 0.08


def test_the_held_out_half_is_not_in_the_fit() -> None:
    trace = made(n=200)
    assert trace.measured is not None
    slow = np.where(np.arange(200) < 100, 1.0, 3.0)
    times = trace.measured
    trace = replace(
        trace, measured=Measured(times.ttft * slow, times.latency * slow, times.tpot * slow)
    )
    found = fit_benchmark(trace, slots=32)
    assert found.held_out is not None
    assert found.held_out.requests == 100
    assert found.held_out.figure("tpot", "mean").error < -0.5


def test_slots_are_found_where_they_are_a_limit() -> None:
    found = fit_benchmark(made(slots=12, rate=40.0))
    assert (found.slots, found.slots_given, found.limited) == (12, False, True)
    assert found.scheduler == mb.Baseline.continuous(12)
    assert found.scheduler_for(made(rate=40.0, slots=64)) == found.scheduler
    assert not [note for note in found.notes if "max_num_seqs" in note]


def test_slots_beyond_those_seen_are_not_ruled_out() -> None:
    found = fit_benchmark(made(slots=64, rate=2.0))
    assert not found.limited
    assert any("may have more than" in note for note in found.notes)
    heavier = made(slots=64, rate=12.0)
    assert found.scheduler_for(heavier) != found.scheduler


def test_given_slots_stay() -> None:
    found = fit_benchmark(made(slots=64, rate=2.0), slots=64)
    assert (found.slots, found.slots_given) == (64, True)
    assert found.scheduler_for(made(slots=64, rate=12.0)) == mb.Baseline.continuous(64)


def test_a_burst_is_said_to_be_one() -> None:
    found = fit_benchmark(made(rate=None, slots=16))
    assert any(
        "no times of arrival: all requests are taken to come at once" in note
        for note in found.notes
    )
    assert (found.slots, found.limited) == (16, True)


def test_one_number_of_rows_is_said() -> None:
    trace = from_arrays(np.full(64, 100), np.full(64, 50))
    slots = mb.Baseline.continuous(8)
    records = mb.simulate(trace, scheduler=slots, costs=KNOWN)
    tpot = (records.finish - records.first_token) / 49
    trace = replace(trace, measured=Measured(records.first_token, records.finish, tpot))
    assert any(
        "step and row_step cannot be told apart" in note for note in fit_benchmark(trace).notes
    )


def test_latencies_follow_from_times_per_token() -> None:
    trace = made(n=100)
    assert trace.measured is not None
    unknown = np.full(100, np.nan)
    only = replace(trace, measured=Measured(trace.measured.ttft, unknown, trace.measured.tpot))
    costs = fit_benchmark(trace, slots=32).costs
    assert fit_benchmark(only, slots=32).costs.step == pytest.approx(costs.step, rel=1e-3)


def test_requests_without_times_run_and_are_not_compared() -> None:
    trace = made(n=100)
    assert trace.measured is not None
    ttft = np.where(np.arange(100) % 4, trace.measured.ttft, np.nan)
    found = fit_benchmark(replace(trace, measured=replace(trace.measured, ttft=ttft)), slots=32)
    assert found.fitted.requests == 75
    assert found.costs.step == pytest.approx(KNOWN.step, rel=0.1)


def test_few_requests_have_no_held_out_half() -> None:
    assert fit_benchmark(made(n=30), slots=32).held_out is None


def test_traces_without_times_are_refused() -> None:
    with pytest.raises(ValueError, match="the trace has no measured times: it must have a time to"):
        fit_benchmark(chat(100, seed=0))
    named = replace(chat(100, seed=0), source=Source("b.csv", "CSV", rows=100))
    with pytest.raises(ValueError, match=r"the benchmark b\.csv has no measured times"):
        fit_benchmark(named)


def test_too_few_times_are_refused() -> None:
    trace = made(n=60)
    assert trace.measured is not None
    latency = np.where(np.arange(60) < 19, trace.measured.latency, np.nan)
    few = replace(trace.measured, latency=latency, tpot=np.full(60, np.nan))
    message = "must have at least 20 requests with a time to first token and a latency, got"
    with pytest.raises(ValueError, match=message):
        fit_benchmark(replace(trace, measured=few))


@pytest.mark.parametrize(("slots", "error"), [(0, ValueError), (1.5, TypeError)])
def test_bad_slots_are_refused(slots: int, error: type[Exception]) -> None:
    with pytest.raises(error, match="slots must be"):
        fit_benchmark(made(n=30), slots=slots)


def test_numpy_alone_is_needed(tmp_path: Path) -> None:
    import subprocess
    import sys

    code = "import sys, multibin.lab.fit_costs; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=tmp_path, check=False).returncode == 0
