"""``multibin simulate``: the table is what the simulation says, and bad input ends in one line."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import multibin as mb
from multibin.cli import main
from multibin.lab.compare import (
    POLICIES,
    Settings,
    default_overhead,
    draw_workload,
    is_steady,
    saturation,
)
from multibin.lab.theory import expected_max
from multibin.lab.traces import arrivals, from_arrays, read

ROWS = 400
COSTS = mb.CostModel(fixed=0.05, step=0.02)
SATURATES = ["trace.csv", "--requests=20000", "--saturation", "--policy=elastic"]


def output(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert main(["simulate", *arguments]) == 0
    return capsys.readouterr().out


def parsed(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, Any]:
    return dict(json.loads(output(capsys, "trace.csv", "--json", *arguments)))


def by_name(found: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {row["policy"]: row for row in found["policies"]}


def test_the_table_has_its_configuration_above_it(capsys: pytest.CaptureFixture[str]) -> None:
    out = output(capsys, "trace.csv")
    above, below = out.split("\npolicy ")
    read_first, words, above = above.split("\n\n", 2)
    assert read_first.startswith(f"trace.csv: CSV, {ROWS} rows, none left out\n")
    start = "No costs were given: a batch is taken to last 0.05 s and 0.02 s a step"
    assert words.startswith(start)
    assert above.startswith(f"{ROWS} requests of trace.csv at their own times (0.5")
    assert "1 server, batches of 8; a batch takes 0.05 s + 0.02 s per step" in above
    assert "drawn from the trace independently of those played" in above
    names = [line.split()[0] for line in below.splitlines()[1:6]]
    assert names == ["fifo", "strict", "elastic", "climb", "continuous"]
    assert below.splitlines()[1].count("(1.000)") == 2, "FIFO's ratios to itself"
    assert "saturation" not in out


def test_own_times_are_played_faster(capsys: pytest.CaptureFixture[str]) -> None:
    own, fast = (parsed(capsys, "--policy=fifo", *more) for more in ([], ["--speed=2"]))
    assert fast["settings"]["speed"] == 2
    assert own["settings"]["speed"] is None
    assert " at their own times × 2 (1." in fast["source"]
    assert fast["policies"][0]["latency"]["mean"] > own["policies"][0]["latency"]["mean"]
    # Costs that are as many times lower play the same, as many times faster.
    lower = parsed(capsys, "--policy=fifo", "--speed=2", "--fixed=0.025", "--step=0.01")
    mean = own["policies"][0]["latency"]["mean"] / 2
    assert lower["policies"][0]["latency"]["mean"] == pytest.approx(mean, rel=1e-6)


def test_json_is_what_simulate_says(capsys: pytest.CaptureFixture[str]) -> None:
    found = parsed(capsys, "--warm-up=0.25", "--batch-size=4", "--completes=row")
    trace, edges = read("trace.csv"), mb.Edges(found["edges"])
    costs = mb.CostModel(fixed=0.05, step=0.02, completes="row")
    former = mb.SchedulerConfig(edges, 4)
    records = mb.simulate(trace, scheduler=former, costs=costs)
    row = by_name(found)["elastic"]
    latency = records.latency[100:]
    assert row["throughput"] == pytest.approx(records.throughput)
    assert row["latency"]["mean"] == pytest.approx(latency.mean())
    assert row["latency"]["p99.9"] == pytest.approx(np.quantile(latency, 0.999))
    slots = 4 * records.batches.steps.astype(np.int64).sum()
    assert row["slot_efficiency"] == pytest.approx(trace.output_tokens.sum() / slots)
    longest = 100 + np.argsort(-trace.output_tokens[100:], kind="stable")[:3]
    assert row["longest"]["wait_p99"] == pytest.approx(np.quantile(records.wait[longest], 0.99))


def test_climbers_get_no_prediction(capsys: pytest.CaptureFixture[str]) -> None:
    found = by_name(parsed(capsys, "--policy=climb", "--policy=climb-predicted"))
    assert list(found) == ["fifo", "climb", "climb-predicted"]
    entries = [row["entries_per_request"] for row in found.values()]
    assert entries[0] == 1.0 < entries[2] < entries[1]


def test_ratios_are_to_fifo(capsys: pytest.CaptureFixture[str]) -> None:
    found = by_name(parsed(capsys, "--rate=2", "--requests=5000"))
    assert found["fifo"]["relative_to_fifo"] == {"mean": 1.0, "p99": 1.0}
    ratio = found["climb"]["latency"]["p99"] / found["fifo"]["latency"]["p99"]
    assert found["climb"]["relative_to_fifo"]["p99"] == pytest.approx(ratio)
    assert found["continuous"]["slot_efficiency"] is None


def test_every_policy_plays(capsys: pytest.CaptureFixture[str]) -> None:
    names = [f"--policy={policy.name}" for policy in POLICIES]
    found = parsed(capsys, *names, "--rate=1", "--requests=3000", "--servers=2", "--sigma=0.5")
    assert [row["policy"] for row in found["policies"]] == [policy.name for policy in POLICIES]
    assert all(row["throughput"] == pytest.approx(1.0, rel=0.1) for row in found["policies"])


def test_a_seed_says_everything_and_predictions_matter(capsys: pytest.CaptureFixture[str]) -> None:
    same = ["--rate=2", "--requests=2000", "--seed=7", "--policy=elastic"]
    first, again = parsed(capsys, *same), parsed(capsys, *same)
    assert first == again
    noisy = parsed(capsys, *same, "--shuffled")
    assert noisy["edges"] == first["edges"]
    oracle = by_name(parsed(capsys, *same, "--sigma=0"))["elastic"]
    assert oracle["latency"] == by_name(first)["elastic"]["latency"]
    assert by_name(noisy)["elastic"]["latency"]["mean"] > oracle["latency"]["mean"]


def test_bursts_keep_requests_and_rate() -> None:
    even = draw_workload(Settings("trace.csv", rate=3.0, requests=20_000)).played
    bursty = draw_workload(Settings("trace.csv", rate=3.0, requests=20_000, cv=4.0)).played
    assert (even.output_tokens == bursty.output_tokens).all()
    assert even.arrivals is not None
    assert bursty.arrivals is not None
    spread = [np.diff(times).std() * 3 for times in (even.arrivals, bursty.arrivals)]
    assert spread == pytest.approx([1.0, 4.0], rel=0.1)


def test_fifo_saturates_where_theory_says(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["simulate", *SATURATES, "--json"]) == 0
    captured = capsys.readouterr()
    found = by_name(json.loads(captured.out))
    batch = 0.05 + 0.02 * expected_max(read("trace.csv").output_tokens, 8)
    assert found["fifo"]["saturation"] == pytest.approx(8 / batch, rel=0.05)
    assert found["elastic"]["saturation"] > 1.5 * found["fifo"]["saturation"]
    progress = [line.split(":")[0] for line in captured.err.splitlines()]
    assert progress == ["saturation of fifo", "saturation of elastic"]


def test_two_servers_sustain_twice_as_much(capsys: pytest.CaptureFixture[str]) -> None:
    out = output(capsys, *SATURATES, "--servers=2", "--batch-size=16", "--rate=9")
    assert "the highest rate at which the backlog of 20,000 drawn requests, Poisson" in out
    batch = 0.05 + 0.02 * expected_max(read("trace.csv").output_tokens, 16)
    fifo = next(line for line in out.splitlines() if line.startswith("fifo"))
    assert float(fifo.split()[-2]) == pytest.approx(2 * 16 / batch, rel=0.05)


def test_a_backlog_that_grows_is_marked(capsys: pytest.CaptureFixture[str]) -> None:
    slow = output(capsys, "trace.csv", "--rate=1", "--requests=20000", "--policy=fifo")
    assert "*" not in slow
    fast = output(capsys, "trace.csv", "--rate=9", "--requests=20000", "--policy=fifo")
    assert "\nfifo *" in fast
    assert "* the backlog grows" in fast


@pytest.mark.parametrize(("load", "steady"), [(0.9, True), (1.1, False)])
def test_steady_is_below_one_request_a_service_time(load: float, steady: bool) -> None:
    n = 20_000
    trace = from_arrays([0] * n, [1] * n, arrivals=arrivals.poisson(n, load, seed=3))
    one_by_one = mb.SchedulerConfig(mb.Edges([0, 1]), 1)
    records = mb.simulate(trace, scheduler=one_by_one, costs=mb.CostModel(step=1.0))
    assert is_steady(records) is steady


def test_nothing_stable_is_said() -> None:
    trace = from_arrays([0] * 4, [1] * 4)
    records = mb.simulate(trace, scheduler=mb.Baseline.continuous(1), costs=COSTS)
    assert not is_steady(records), "all at once"
    with pytest.raises(ValueError, match="backlog always grows; more requests may decide"):
        saturation(lambda _: records, 1.0)


def test_users_wait_for_answers(capsys: pytest.CaptureFixture[str]) -> None:
    out = output(capsys, "trace.csv", "--users=3", "--pause=0.5", "--requests=500")
    assert (
        "500 requests drawn from trace.csv (seed 0), sent by 3 users, with a mean pause of 0.5 s"
        in out
    )
    names = [line.split()[0] for line in out.split("\npolicy ")[1].splitlines()[1:5]]
    assert names == ["fifo", "elastic", "climb", "continuous"], "strict might wait for ever"


def test_servers_with_little_memory(capsys: pytest.CaptureFixture[str]) -> None:
    roomy, tight = (
        by_name(parsed(capsys, "--rate=5", "--requests=2000", "--policy=climb", *options))
        for options in ([], ["--max-resident=8"])
    )
    assert tight["fifo"] == roomy["fifo"]
    assert tight["climb"]["throughput"] < roomy["climb"]["throughput"]


@pytest.mark.parametrize("name", ["out.png", "out.svg"])
def test_the_picture(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("matplotlib", reason="the picture needs the extra `plot`")
    assert "fifo" in output(capsys, "trace.csv", f"--plot={name}")
    assert Path(name).read_bytes()[:5] in (b"\x89PNG\r", b"<?xml")


def test_a_move_costs_what_the_batch_pays_for_it() -> None:
    assert default_overhead(COSTS, 8) == pytest.approx(2.5)
    moving = mb.CostModel(fixed=0.05, step=0.02, row_step=0.01, moved_row=0.1)
    assert default_overhead(moving, 8) == pytest.approx(0.85 / 0.1)
    assert default_overhead(mb.CostModel(kv_token=1.0), 8) == 2.0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nowhere.csv"], "cannot read the trace nowhere.csv"),
        (
            ["plain.csv"],
            "rate must be given, as plain.csv has no times among its columns"
            " prompt_tokens, output_tokens; --columns time=NAME",
        ),
        (["trace.csv", "--columns=prompt"], "columns must be ROLE=NAME,… with the roles time, "),
        (["trace.csv", "--columns=output=x"], "the column of output must be one of the columns"),
        (["trace.csv", "--time-unit=min"], "time_unit must be one of s, ms, us, ns or a number"),
        (["trace.csv", "--time-unit=-1"], "time_unit must be finite and above 0, got -1"),
        (["trace.csv", "--policy=lifo"], "policy must be one of 'fifo', 'strict', "),
        (
            ["trace.csv", "--edges=odd"],
            "edges must be one of 'optimal', 'quantile', 'uniform', got 'odd'",
        ),
        (["trace.csv", "--rate=0"], "rate must be between 1e-06 and 1e+09, got 0"),
        (["trace.csv", "--rate=nan"], "rate must be finite, got nan"),
        (["trace.csv", "--speed=0"], "speed must be between 1e-09 and 1e+09, got 0"),
        (["trace.csv", "--speed=2", "--rate=1"], "rate must be left out with speed = 2, got 1"),
        (["trace.csv", "--speed=2", "--users=4"], "speed must be left out with users = 4, got 2"),
        (["plain.csv", "--speed=2"], "speed must be left out, as plain.csv has no times"),
        (["trace.csv", "--users=0"], "users must be between 1 and 100000000, got 0"),
        (["trace.csv", "--users=4", "--rate=2"], "rate must be left out with users = 4, got 2"),
        (
            ["trace.csv", "--users=4", "--saturation"],
            "saturation must be left out with users = 4, got True",
        ),
        (
            ["trace.csv", "--users=4", "--policy=strict"],
            "policy must be left out with users = 4, as strict bins may wait forever, got 'strict'",
        ),
        (["trace.csv", "--users=4", "--pause=-1"], "pause must be between 0 and 1e+06, got -1"),
        (["trace.csv", "--pause=2"], "pause must be left out without users, got 2"),
        (["trace.csv", "--max-resident=7"], "max_resident must be at least 8, got 7"),
        (["trace.csv", "--cv=2"], "cv must be left out without rate or saturation, got 2"),
        (["trace.csv", "--rate=1", "--cv=-1"], "cv must be between 0.01 and 100, got -1"),
        (
            ["trace.csv", "--requests=401"],
            "requests must be at most the trace's 400 without a rate, got 401",
        ),
        (
            ["trace.csv", "--rate=1", "--requests=0"],
            "requests must be between 1 and 100000000, got 0",
        ),
        (
            ["trace.csv", "--saturation", "--requests=9"],
            "requests must be between 1000 and 100000000, got 9",
        ),
        (["trace.csv", "--bins=0"], "bins must be between 1 and 4096, got 0"),
        (["trace.csv", "--levels=-3"], "levels must be between 1 and 4096, got -3"),
        (["trace.csv", "--batch-size=0"], "batch_size must be at least 1, got 0"),
        (
            ["trace.csv", "--batch-size=9999999999"],
            "batch_size must be between 1 and 4294967295, got 9999999999",
        ),
        (["trace.csv", "--servers=0"], "servers must be between 1 and 100000, got 0"),
        (
            ["trace.csv", "--servers=9999999999"],
            "servers must be between 1 and 100000, got 9999999999",
        ),
        (["trace.csv", "--chunk=0"], "chunk must be at least 1, got 0"),
        (["trace.csv", "--seed=-1"], "seed must be at least 0, got -1"),
        (["trace.csv", "--sigma=-0.5"], "sigma must be between 0 and 100, got -0.5"),
        (
            ["trace.csv", "--sigma=1", "--shuffled"],
            "shuffled must be left out with sigma = 1, got True",
        ),
        (["trace.csv", "--warm-up=1"], "warm_up must be at least 0 and below 1, got 1"),
        (["trace.csv", "--warm-up=nan"], "warm_up must be at least 0 and below 1, got nan"),
        (["trace.csv", "--overhead=-1"], "overhead must be between 0 and 1e+09, got -1"),
        (["trace.csv", "--step=-1"], "step must be between 0 and 10000, got -1"),
        (["trace.csv", "--kv-token=1e9"], "kv_token must be between 0 and 10000, got 1e+09"),
        (["trace.csv", "--bins=5000"], "bins must be between 1 and 4096, got 5000"),
        (
            ["trace.csv", "--fixed=0", "--step=0"],
            "the sum of the costs must be at least 1e-09 s, got 0",
        ),
        (["trace.csv", "--plot=x.gif"], "plot must be a name in .png, .pdf, .svg, got 'x.gif'"),
        (
            ["trace.csv", "--plot=nowhere/x.png"],
            "plot must be a file that can be written, got 'nowhere/x.png'",
        ),
    ],
)
def test_bad_arguments_end_in_one_line(
    arguments: list[str], message: str, refused: Callable[[list[str], str], None]
) -> None:
    Path("plain.csv").write_text("prompt_tokens,output_tokens\n3,4\n5,6\n")
    refused(["simulate", *arguments], message)


def test_a_file_without_times_plays_at_a_rate(capsys: pytest.CaptureFixture[str]) -> None:
    Path("plain.csv").write_text("prompt_tokens,output_tokens\n3,4\n5,60\n")
    out = output(capsys, "plain.csv", "--rate=2", "--requests=500", "--seed=1")
    assert "\n\n500 requests drawn from plain.csv (seed 1), Poisson arrivals at 2 req" in out


def test_what_was_read_is_said_first(capsys: pytest.CaptureFixture[str]) -> None:
    Path("failed.csv").write_text("ts,isl,osl\n0,10,20\n500,12,0\n1000,14,30\n")
    arguments = ["failed.csv", "--policy=fifo", "--time-unit=ms"]
    out = output(capsys, *arguments)
    assert out.splitlines()[:2] == [
        "failed.csv: CSV, 3 rows, 1 left out: 0 output tokens",
        "columns: time = ts, prompt = isl, output = osl",
    ]
    assert "milliseconds, as given; span 1 s, 1 requests/s" in out
    assert "2 requests of failed.csv at their own times (1 requests/s)" in out
    found = json.loads(output(capsys, *arguments, "--json"))
    assert (found["trace"]["dropped"], found["trace"]["left_out"]) == (1, {"0 output tokens": 1})
    assert found["trace"]["columns"] == {"time": "ts", "prompt": "isl", "output": "osl"}
    assert found["settings"]["time_unit"] == "ms"


def test_columns_are_named_by_an_option(capsys: pytest.CaptureFixture[str]) -> None:
    Path("odd.csv").write_text("when,question,answer\n0,10,20\n2,12,30\n")
    out = output(capsys, "odd.csv", "--policy=fifo", "--columns=output=answer,time=when")
    assert "columns: time = when, output = answer" in out
    assert "There are no prompt tokens: prompts count 0; --columns prompt=NAME" in out
    both = output(capsys, "odd.csv", "--rate=1", "--columns=output=answer,prompt=question,time=")
    assert "columns: prompt = question, output = answer" in both
    assert "times: none" in both
