"""The parts of `benches.fitted` and `benches.hardware`: the clock, the file, and small runs."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from benches.fitted import __main__ as bench
from benches.fitted.serve import Clock, Engine, Load, Timed, draw, medians, write
from benches.hardware import __main__ as hardware
from benches.hardware.published import LENGTHS, THROUGHPUTS

from multibin.lab.traces import read

SMALL = ["--width=1", "--slots=4", "--rounds=2", "--requests=24", "--loads", "0.4", "inf"]


@pytest.fixture(autouse=True)
def _threads() -> Iterator[None]:
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def served() -> list[Timed]:
    engine = Engine(1, 4)
    requests = draw(Load(50.0, 24), engine.vocabulary, engine.context, seed=0)
    engine.serve(requests)
    return requests


def test_the_clock_counts_work_and_jumps() -> None:
    clock = Clock(1, 1e-3)
    time.sleep(0.05)
    assert clock.now() < 0.04, "sleep is no work"
    clock.jump(2.0)
    assert 2.0 <= clock.now() < 2.1
    clock.jump(1.0)
    assert clock.now() >= 2.0, "it never goes back"


def test_every_request_gets_its_tokens_after_it_came(served: list[Timed]) -> None:
    for request in served:
        assert len(request.times) == request.budget
        assert request.times[0] > request.arrival
        assert (np.diff(request.times) >= 0).all()


def test_at_most_the_slots_run_together(served: list[Timed]) -> None:
    starts = np.sort([request.times[0] for request in served])
    ends = np.sort([request.times[-1] for request in served])
    running = [(starts <= at).sum() - (ends < at).sum() for at in starts]
    assert max(running) <= 4


def test_the_file_is_read_as_a_benchmark_of_vllm(served: list[Timed], tmp_path: Path) -> None:
    write(served, tmp_path / "bench.json", 50.0)
    trace = read(tmp_path / "bench.json")
    assert trace.measured is not None
    expected = [request.times[-1] - request.arrival for request in served]
    assert np.allclose(trace.measured.latency, expected)
    first = [request.times[0] - request.arrival for request in served]
    assert np.allclose(trace.measured.ttft, first)
    assert json.loads((tmp_path / "bench.json").read_text())["completed"] == 24


def test_medians_are_those_of_each_token() -> None:
    rounds = [draw(Load(1.0, 2), 100, 64, seed=0) for _ in range(3)]
    for shift, requests in zip((0.0, 5.0, 1.0), rounds, strict=True):
        for request in requests:
            request.times = [shift + token for token in range(request.budget)]
    assert medians(rounds)[1].times == [1.0 + token for token in range(rounds[0][1].budget)]


def test_all_at_once_is_an_infinite_rate() -> None:
    requests = draw(Load(math.inf, 5), 100, 64, seed=0)
    assert [request.arrival for request in requests] == [0.0] * 5


def test_a_small_run(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    # Whether figures are met depends on the machine.
    assert bench.main([*SMALL, f"--out={tmp_path}"]) in {0, 1}
    out = capsys.readouterr().out
    assert "capacity: " in out
    assert "continuous batching in 4 slots (as given)" in out
    assert out.count("latency p99") == 3
    assert sorted(path.name for path in tmp_path.iterdir()) == [f"load{at}.json" for at in range(3)]


def test_published_numbers_are_printed_beside_computed_ones(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hardware, "throughput", lambda *_: 1000.0)
    assert hardware.main() == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 1 + len(THROUGHPUTS) * len(LENGTHS) + 2
    assert lines[1].split()[-3:] == ["1000", "1.612e+04", "-94%"]
