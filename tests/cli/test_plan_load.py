"""``multibin plan``: which requests are played, what it says of them, memory, bounds, checks."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import multibin as mb
from multibin.cli import main
from multibin.lab.traces import Trace, arrivals, from_arrays, lengths, read

FEW = ["--batch-sizes=8", "--bins=1,4", "--quick"]


def planned(capsys: pytest.CaptureFixture[str], *arguments: str, status: int = 0) -> dict[str, Any]:
    assert main(["plan", *FEW, *arguments, "--json"]) == status
    return dict(json.loads(capsys.readouterr().out))


def said(capsys: pytest.CaptureFixture[str], *arguments: str, status: int = 0) -> str:
    assert main(["plan", *FEW, *arguments]) == status
    return " ".join(capsys.readouterr().out.split())


def write(trace: Trace, name: str) -> str:
    assert trace.arrivals is not None
    rows = zip(trace.arrivals, trace.prompt_tokens, trace.output_tokens, strict=True)
    lines = [f"{time:.6f},{prompt},{output}" for time, prompt, output in rows]
    Path(name).write_text("timestamp,prompt_tokens,output_tokens\n" + "\n".join(lines) + "\n")
    return name


@pytest.fixture
def bursts() -> str:
    """Fifty requests at once, every 200 seconds."""
    times = [200 * (i // 50) + (i % 50) / 100 for i in range(2000)]
    outputs = lengths.uniform(2000, 5, 100, 0)
    return write(from_arrays(np.full(2000, 30), outputs, arrivals=times), "bursts.csv")


def test_own_times_are_played(bursts: str, capsys: pytest.CaptureFixture[str]) -> None:
    found = planned(capsys, bursts)
    one_bin = mb.SchedulerConfig(mb.Edges([0, 1]), 8)
    trace, costs = read(bursts), mb.CostModel(fixed=0.05, step=0.02)
    latency = mb.simulate(trace, scheduler=one_bin, costs=costs).latency[200:]
    fifo = found["policies"][0]
    assert fifo["latency"]["p99"] == pytest.approx(np.quantile(latency, 0.99))
    assert fifo["latency"]["mean"] == pytest.approx(latency.mean())
    assert found["load"]["arrivals"] == "own"
    assert found["load"]["cv"] == pytest.approx(trace.burstiness)
    # The last burst is no growing backlog.
    assert fifo["steady"] is True


def test_drawn_arrivals_lose_bursts_and_say_so(
    bursts: str, capsys: pytest.CaptureFixture[str]
) -> None:
    own, drawn = planned(capsys, bursts), planned(capsys, bursts, "--rate=0.25")
    assert drawn["load"]["arrivals"] == "drawn"
    p99 = [found["policies"][0]["latency"]["p99"] for found in (own, drawn)]
    assert p99[0] > 2 * p99[1]
    assert "more bursty" in said(capsys, bursts, "--rate=0.25")
    assert "more bursty" not in said(capsys, bursts)


def test_a_faster_trace_is_the_same_pattern(
    bursts: str, capsys: pytest.CaptureFixture[str]
) -> None:
    own, fast = planned(capsys, bursts), planned(capsys, bursts, "--speed=2")
    assert fast["objective"]["rate"] == pytest.approx(2 * own["objective"]["rate"])
    assert fast["load"]["speed"] == 2
    assert fast["load"]["cv"] == own["load"]["cv"]
    assert fast["policies"][0]["latency"]["mean"] > own["policies"][0]["latency"]["mean"]


def test_bounds_alone_ask_for_the_highest_speed(
    bursts: str, capsys: pytest.CaptureFixture[str]
) -> None:
    found = planned(capsys, bursts, "--slo-p99=60")
    chosen = found["chosen"]
    assert found["load"]["arrivals"] == "own"
    assert found["load"]["speed"] is None
    assert chosen["latency"]["p99"] <= 60
    assert chosen["rate"] > 1.5 * found["load"]["rate"]
    assert chosen["intervals"]["rate"][0] < chosen["rate"] < chosen["intervals"]["rate"][1]


def test_every_figure_lies_in_its_interval(bursts: str, capsys: pytest.CaptureFixture[str]) -> None:
    for row in planned(capsys, bursts)["policies"]:
        assert {"mean", "p99", "ttft_p99", "tpot_p99", "tokens", "saturation"} <= {
            *row["intervals"]
        }
        low, high = row["intervals"]["p99"]
        assert low <= row["latency"]["p99"] <= high
        low, high = row["intervals"]["tokens"]
        assert low <= row["resident_tokens"] <= high


def test_the_uncertainty_of_a_small_sample_is_that_of_other_samples(
    capsys: pytest.CaptureFixture[str],
) -> None:
    highest = []
    for seed in range(6):
        drawn = lengths.log_normal(300, 40, 1.2, seed=seed, high=4000)
        trace = Trace(np.full(300, 10), drawn, arrivals.poisson(300, 1.0, seed))
        name = write(trace, f"{seed}.csv")
        found = planned(capsys, name, "--rate=0.3", "--no-climbing", "--no-continuous")
        low, high = found["policies"][0]["intervals"]["mean"]
        highest.append((low, found["policies"][0]["latency"]["mean"], high))
    # A figure of one sample lies in the interval of another one mostly.
    inside = [
        low <= value <= high
        for i, (low, _, high) in enumerate(highest)
        for j, (_, value, _) in enumerate(highest)
        if i != j
    ]
    assert np.mean(inside) > 0.7


def test_equal_policies_show_no_difference(capsys: pytest.CaptureFixture[str]) -> None:
    times = arrivals.poisson(3000, 0.5, 1)
    trace = Trace(np.full(3000, 10), np.full(3000, 20), times)
    name = write(trace, "equal.csv")
    found = planned(capsys, name)
    assert found["chosen"]["policy"] == "fifo"
    assert found["advice"].startswith("One bin is enough")


def test_a_context_refuses_and_shortens(capsys: pytest.CaptureFixture[str]) -> None:
    times = np.arange(2000.0) * 3
    prompts = np.where(np.arange(2000) % 10 == 0, 900, 50)
    name = write(Trace(prompts, np.full(2000, 100), times), "long.csv")
    found = planned(capsys, name, "--context=120")
    assert found["load"]["refused"] == 200
    assert found["load"]["shortened"] == 1800
    assert found["requests"] == 1800
    assert found["chosen"]["resident_tokens"] <= 8 * 120
    assert "refuses 200 of 2,000 requests (10.0%) and ends 1,800 outputs early" in said(
        capsys, name, "--context=120"
    )


def test_memory_is_said_and_bounds_the_choice(
    bursts: str, capsys: pytest.CaptureFixture[str]
) -> None:
    free = planned(capsys, bursts, "--no-predictor", "--no-continuous")
    climb = next(row for row in free["policies"] if row["policy"] == "climb")
    assert climb["resident_rows"] > climb["batch_size"]
    assert climb["resident_tokens"] > 8 * 30
    budget = 0.7 * climb["resident_tokens"]
    tight = planned(
        capsys,
        bursts,
        "--no-predictor",
        "--no-continuous",
        "--kv-bytes-per-token=1000",
        f"--kv-budget={1000 * budget:.0f}",
    )
    assert tight["chosen"]["resident_tokens"] <= budget
    assert tight["memory"]["kv_tokens"] == pytest.approx(budget, rel=1e-3)
    bounded = next(row for row in tight["policies"] if row["policy"] == "climb")
    assert bounded["max_parked"] is not None
    assert bounded["fits"] is True
    nothing = said(capsys, bursts, "--kv-bytes-per-token=1000", "--kv-budget=40000", status=1)
    assert "Nothing fits into the KV cache" in nothing
    assert " !" in nothing


def test_resident_tokens_are_those_of_the_records(
    bursts: str, capsys: pytest.CaptureFixture[str]
) -> None:
    for row in planned(capsys, bursts, "--no-continuous")["policies"]:
        config = eval(row["python"], {"mb": mb}).config
        trace = read(bursts)
        if row["policy"] == "climb":
            trace = trace.with_predicted(np.zeros(len(trace), int))
        records = mb.simulate(trace, scheduler=config, costs=mb.CostModel(fixed=0.05, step=0.02))
        assert row["resident_tokens"] == records.batches.resident_tokens.max()
        assert row["resident_rows"] == records.batches.resident.max()
        assert row["parked_rows"] == records.batches.parked.max()


def test_times_to_tokens_have_bounds(bursts: str, capsys: pytest.CaptureFixture[str]) -> None:
    free = planned(capsys, bursts)
    ttft = min(row["ttft_p99"] for row in free["policies"])
    found = planned(capsys, bursts, "--speed=1", f"--slo-ttft={1.2 * ttft}")
    assert found["chosen"]["ttft_p99"] <= 1.2 * ttft
    assert 0.98 * found["chosen"]["rate"] < found["chosen"]["goodput"] <= found["chosen"]["rate"]
    text = said(capsys, bursts, "--speed=1", f"--slo-ttft={0.5 * ttft}", status=1)
    assert "Nothing meets p99 of TTFT ≤ " in text
    assert "goodput" in text


def test_costs_and_the_trace_are_said_first(
    bursts: str, capsys: pytest.CaptureFixture[str]
) -> None:
    text = said(capsys, bursts)
    assert text.startswith("No costs were given: ")
    assert text.index("bursts.csv: CSV") < text.index("played: 2,000 requests at the trace's own")
    assert said(capsys, bursts, "--hardware=H100-8B").startswith("Costs are computed for H100-8B")


def test_a_plan_is_checked_on_another_trace(capsys: pytest.CaptureFixture[str]) -> None:
    def poisson(rate: float, seed: int) -> Trace:
        outputs = lengths.uniform(4000, 5, 100, seed)
        return Trace(np.full(4000, 30), outputs, arrivals.poisson(4000, rate, seed))

    first, like = write(poisson(1.0, 0), "first.csv"), write(poisson(1.0, 5), "like.csv")
    unlike = write(poisson(3.0, 7), "unlike.csv")
    found = planned(capsys, first, f"--check={like}")["check"]["played"]
    assert found["inside"]["mean"] is True
    assert found["differences"] == []
    assert "The traces differ: requests/s 0.98" in said(capsys, first, f"--check={unlike}")
    outside = planned(capsys, first, f"--check={unlike}")["check"]["played"]
    assert outside["inside"]["p99"] is False


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--speed=0"], "speed must be finite and above 0, got 0"),
        (["--speed=2", "--rate=1"], "rate must be left out with speed = 2, got 1"),
        (["--speed=2", "--cv=1"], "cv must be left out with speed = 2, got 1"),
        (["--context=1"], "context must be at least 2, got 1"),
        (["--context=7"], "context must be longer than a prompt of the trace, got 7"),
        (["--kv-budget=1GB"], "kv_budget must be given with kv_bytes_per_token"),
        (["--slo-ttft=0"], "slo_ttft must be between 1e-09 and 1e+09, got 0"),
        (["--slo-tpot=nan"], "slo_tpot must be finite, got nan"),
        (["--check=nowhere.csv"], "cannot read the trace nowhere.csv"),
        (["--check=lengths.csv"], "check must be a trace with times"),
    ],
)
def test_bad_arguments_of_the_load(
    arguments: list[str], message: str, refused: Callable[[list[str], str], None]
) -> None:
    Path("lengths.csv").write_text("prompt_tokens,output_tokens\n3,4\n5,6\n")
    refused(["plan", "trace.csv", *arguments], message)


def test_times_that_are_all_equal_need_a_rate(refused: Callable[[list[str], str], None]) -> None:
    Path("once.csv").write_text("timestamp,prompt_tokens,output_tokens\n" + "5,3,4\n" * 20)
    refused(["plan", "once.csv"], "rate must be given, as all requests of once.csv come at once")
    refused(["plan", "lengths.csv", "--speed=2"], "cannot read")


def test_two_requests_have_a_plan(capsys: pytest.CaptureFixture[str]) -> None:
    Path("two.csv").write_text("timestamp,prompt_tokens,output_tokens\n0,3,4\n9,30,1\n")
    assert "plan: fifo" in said(capsys, "two.csv")


def test_smaller_batches_where_only_all_requests_show_the_memory(
    capsys: pytest.CaptureFixture[str],
) -> None:
    n = 12_000
    prompts = np.full(n, 20)
    # The first run of every candidate plays the first part of each eighth of the time.
    times = arrivals.poisson(n, 2.0, 1)
    prompts[-40:-35], times[-40:-35] = 5000, times[-40]
    trace = Trace(prompts, lengths.uniform(n, 5, 20, 0), times)
    name = write(trace, "late.csv")
    memory = ["--kv-bytes-per-token=1000", "--kv-budget=18MB", "--batch-sizes=2,8"]
    found = planned(capsys, name, "--no-climbing", *memory)
    sizes = {row["policy"]: row["batch_size"] for row in found["policies"]}
    assert all(row["fits"] for row in found["policies"])
    assert sizes["fifo"] == sizes["continuous"] == 2


def test_a_check_is_read_as_the_trace(
    capsys: pytest.CaptureFixture[str], refused: Callable[[list[str], str], None]
) -> None:
    for name in ("one.csv", "two.csv"):
        rows = "\n".join(f"{1000 * i},{7},{5 + i % 9}" for i in range(2000))
        Path(name).write_text(f"begun,in,out\n{rows}\n")
    named = ["--columns=time=begun,prompt=in,output=out", "--time-unit=ms"]
    found = planned(capsys, "one.csv", "--check=two.csv", *named)["check"]["played"]
    assert found["inside"]["mean"] is True
    assert found["speed"] == pytest.approx(1)
    refused(["plan", "trace.csv", "--check=two.csv"], "two.csv")


def test_a_check_of_answers_of_one_token(capsys: pytest.CaptureFixture[str]) -> None:
    n = 2000
    trace = Trace(np.full(n, 50), np.ones(n, np.int64), arrivals.poisson(n, 1.0, 0))
    name = write(trace, "short.csv")
    found = planned(capsys, name, f"--check={name}")
    assert found["chosen"]["tpot_p99"] is None
    assert found["check"]["played"]["planned"]["tpot_p99"] == {"value": None, "interval": None}
    assert "nan" not in said(capsys, name, f"--check={name}")


def bench(name: str, trace: Trace, records: mb.Records) -> str:
    """Writes what vllm bench serve would have measured."""
    assert trace.arrivals is not None
    further = (records.finish - records.first_token) / np.maximum(trace.output_tokens - 1, 1)
    Path(name).write_text(
        json.dumps(
            {
                "input_lens": trace.prompt_tokens.tolist(),
                "output_lens": trace.output_tokens.tolist(),
                "start_times": trace.arrivals.tolist(),
                "ttfts": (records.first_token - records.arrival).tolist(),
                "itls": [
                    [gap] * (n - 1) for gap, n in zip(further, trace.output_tokens, strict=True)
                ],
                "errors": [""] * len(trace),
            }
        )
    )
    return name


def test_a_check_against_measured_times(capsys: pytest.CaptureFixture[str]) -> None:
    n = 1500
    outputs = lengths.uniform(n, 5, 100, 0)
    trace = Trace(np.full(n, 30), outputs, arrivals.poisson(n, 2.0, 1))
    costs = mb.CostModel(step=0.02, row_step=0.001, completes="row")
    played = mb.simulate(trace, scheduler=mb.Baseline.continuous(8), costs=costs)
    name, file = write(trace, "own.csv"), bench("bench.json", trace, played)
    stated = ["--step=0.02", "--row-step=0.001", "--fixed=0", "--completes=row"]
    found = planned(capsys, name, f"--check={file}", *stated)["check"]["measured"]
    assert len(found) == 2
    continuous = found["continuous, batches of up to 8"]
    assert continuous["latency"]["p99"]["error"] == pytest.approx(0, abs=0.02)
    text = said(capsys, name, f"--check={file}", *stated)
    assert "measured in bench.json, and predicted for continuous, batches of up to 8" in text
    # Other batches take other times: that says nothing of the costs.
    assert "The costs do not repeat this benchmark" not in text


def test_a_plan_is_not_at_a_rate_that_a_longer_run_cannot_sustain(
    capsys: pytest.CaptureFixture[str],
) -> None:
    n = 600
    trace = Trace(np.full(n, 30), lengths.uniform(n, 5, 100, 0), arrivals.poisson(n, 300.0, 1))
    found = planned(capsys, write(trace, "short.csv"), "--slo-p99=200", "--no-continuous")
    for row in found["policies"]:
        if row["meets"]:
            assert row["headroom"] >= 1 - 1e-9


def test_equal_predictions_are_none(capsys: pytest.CaptureFixture[str]) -> None:
    rows = "\n".join(f"{2 * i},7,{5 + i % 9},0" for i in range(2000))
    Path("climbers.csv").write_text(f"timestamp,prompt_tokens,output_tokens,predicted\n{rows}\n")
    found = planned(capsys, "climbers.csv", "--no-continuous")
    assert [row["policy"] for row in found["policies"]] == ["fifo", "climb"]
    text = said(capsys, "climbers.csv", "--no-continuous")
    assert "predictions: none, as the trace's are all equal" in text


def test_the_largest_batch_is_named(bursts: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert "No batches of more than 8 were tried: --max-batch-size." in said(capsys, bursts)


def test_a_few_unanswered_requests_are_no_growing_backlog(
    capsys: pytest.CaptureFixture[str],
) -> None:
    rows = "\n".join(f"{i / 2},{300 + i},{30 + i % 4}" for i in range(9))
    Path("nine.csv").write_text(f"timestamp,prompt_tokens,output_tokens\n{rows}\n")
    found = planned(capsys, "nine.csv")
    assert all(row["steady"] for row in found["policies"])
    assert found["chosen"]["policy"] == "fifo"
    # A load beyond what servers sustain is one, however short the trace.
    fast = planned(capsys, "nine.csv", "--speed=20", status=1)
    assert not any(row["meets"] for row in fast["policies"])
