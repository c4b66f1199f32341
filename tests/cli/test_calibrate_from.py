"""``multibin calibrate --from``: costs fitted to benchmarks in the formats of their engines."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.lab.fit_costs.made import KNOWN, made, write

import multibin as mb
from multibin.cli import main
from multibin.costs import load_costs


@pytest.fixture(autouse=True)
def _benchmarks() -> None:
    write(made(n=200, slots=24), Path("bench.json"))
    write(made(n=150, slots=24, rate=6.0, seed=7), Path("other.json"))


def parsed(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, Any]:
    assert main(["calibrate", *arguments, "--json"]) == 0
    return dict(json.loads(capsys.readouterr().out))


def test_the_costs_of_a_vllm_benchmark(capsys: pytest.CaptureFixture[str]) -> None:
    found = parsed(capsys, "--from=bench.json", "--max-num-seqs=24", "--check=other.json")
    assert found["costs"]["step"] == pytest.approx(KNOWN.step, rel=0.1)
    assert (found["slots"], found["slots_given"]) == (24, True)
    assert found["fitted"]["requests"] == 200
    assert found["check"]["requests"] == 150
    assert abs(found["check"]["latency"]["p99"]["error"]) < 0.05


def test_the_text_says_what_was_read_and_how_far_off_it_is(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["calibrate", "--from=bench.json", "--check=other.json"]) == 0
    out = capsys.readouterr().out
    assert out.startswith("bench.json: ")
    assert "\n\nfitted costs: mb.CostModel(fixed=0.00" in out
    assert "slots (found from the times)" in out
    assert "100 requests by costs fitted to the others, predicted beside measured:" in out
    assert "\n\nother.json: " in out
    assert "150 requests, predicted beside measured:" in out
    assert out.count("latency, p99") == 3


def test_the_costs_are_written_and_play(capsys: pytest.CaptureFixture[str]) -> None:
    found = parsed(capsys, "--from=bench.json", "--out=costs.json")
    assert load_costs("costs.json") == mb.CostModel(**found["costs"])
    arguments = ["simulate", "trace.csv", "--costs=costs.json", "--policy=continuous"]
    assert main(arguments) == 0
    assert "Costs are those of costs.json, fitted to bench.json: " in capsys.readouterr().out


def test_a_burst_without_times_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    write(made(n=100, slots=16, rate=None), Path("burst.json"))
    assert main(["calibrate", "--from=burst.json"]) == 0
    out = capsys.readouterr().out
    assert "all requests are taken to come at once, as with an infinite request rate" in out
    assert "continuous batching in 16 slots (found from the times)" in out


def test_lines_of_sglang(capsys: pytest.CaptureFixture[str]) -> None:
    bench = json.loads(Path("bench.json").read_text())
    names = ("input_lens", "output_lens", "ttfts", "itls", "errors", "generated_texts")
    line = {"backend": "sglang", "request_rate": 4.0, "completed": 200}
    line |= {name: bench[name] for name in names}
    times = bench["start_times"]
    line["start_times"] = times
    Path("sglang.jsonl").write_text(json.dumps(line) + "\n")
    found = parsed(capsys, "--from=sglang.jsonl", "--max-num-seqs=24")
    assert found["costs"]["step"] == pytest.approx(KNOWN.step, rel=0.1)


def test_records_of_aiperf(capsys: pytest.CaptureFixture[str]) -> None:
    bench = json.loads(Path("bench.json").read_text())
    lines = []
    for at, (start, prompt, answer) in enumerate(
        zip(bench["start_times"], bench["input_lens"], bench["output_lens"], strict=True)
    ):
        spent = float(np.sum(bench["itls"][at]))
        values = {
            "time_to_first_token": {"value": 1e3 * bench["ttfts"][at], "unit": "ms"},
            "request_latency": {"value": 1e3 * (bench["ttfts"][at] + spent), "unit": "ms"},
            "input_sequence_length": {"value": prompt, "unit": "tokens"},
            "output_sequence_length": {"value": answer, "unit": "tokens"},
        }
        metadata = {"request_start_ns": int(1e9 * start), "benchmark_phase": "profiling"}
        lines.append(json.dumps({"metadata": metadata, "metrics": values, "error": None}))
    Path("records.jsonl").write_text("\n".join(lines))
    found = parsed(capsys, "--from=records.jsonl", "--max-num-seqs=24")
    assert found["costs"]["step"] == pytest.approx(KNOWN.step, rel=0.1)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ["--from=trace.csv"],
            "the benchmark trace.csv has no measured times: it must have a time",
        ),
        (["--from=nowhere.json"], "nowhere.json"),
        (["--from=few.json"], "must have at least 20 requests with a time to first token and a"),
        (["--from=bench.json", "--check=trace.csv"], "trace.csv has no measured times"),
        (["--from=bench.json", "--rows=1,2"], "rows must be left out with from = bench.json, got"),
        (["--from=bench.json", "--model=m"], "model must be left out with from = bench.json"),
        (["--from=bench.json", "--max-num-seqs=0"], "max_num_seqs must be at least 1, got 0"),
        (["--check=bench.json"], "check must be left out without --from, got 'bench.json'"),
        (["--batch-size=4"], "max_num_seqs must be left out without --from, got 4"),
        (["--from=bench.json", "--out=no/costs.json"], "out must be a file that can be written"),
    ],
)
def test_bad_arguments_end_in_one_line(
    arguments: list[str], message: str, refused: Callable[[list[str], str], None]
) -> None:
    write(made(n=19), Path("few.json"))
    refused(["calibrate", *arguments], message)
