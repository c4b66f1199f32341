"""What is said of a trace: text that fits a terminal, and JSON."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from multibin.lab.traces import arrivals, describe_trace, from_arrays, read, trace_as_json

BURST = "Timestamp,Model,Request tokens,Response tokens,Total tokens,Log Type\n"


def test_a_file_is_described(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    rows = [f"{t},GPT-4,{p},{o},0,API log" for t, p, o in ((3, 410, 22), (9, 1, 0), (7, 90, 1210))]
    Path("burst.csv").write_text(BURST + "\n".join(rows))
    assert describe_trace(read("burst.csv")).splitlines() == [
        "burst.csv: CSV, BurstGPT, 3 rows, 1 left out: 0 output tokens",
        "columns: time = Timestamp, prompt = Request tokens, output = Response tokens",
        "times: seconds, as in files of BurstGPT; span 4 s, 0.25 requests/s, coefficient of"
        " variation of the gaps 0 (1 is Poisson)",
        "prompt tokens: median 250, p90 378, p99 407, longest 410",
        "output tokens: median 616, p90 1,091, p99 1,198, longest 1,210",
    ]


def test_what_was_asked_not_to_be_read_is_said(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("time,osl\n" + "".join(f"{t},5\n" for t in range(4)))
    lines = describe_trace(read(path, times=False, columns="prompt=")).splitlines()
    assert lines[1:3] == ["columns: output = osl", "times: ignored"]
    assert "At most" not in lines[-1]
    lines = describe_trace(read(path, 3, columns="prompt=")).splitlines()
    assert lines[2].startswith("times: seconds, assumed")
    assert lines[-1] == "At most 3 rows were read."
    assert "At most" not in describe_trace(read(path, 5, columns="prompt="))


@pytest.mark.parametrize(
    ("name", "gap", "words"),
    [
        ("time", 181, "if the times are in ms, give --time-unit ms, and the rate is 5.525"),
        ("time", 20_000, "if the times are in us, give --time-unit us, and the rate is 50 "),
        ("time", 9, None),
        ("time_s", 181, None),
    ],
)
def test_an_assumed_unit_is_doubted_where_requests_are_rare(
    name: str, gap: int, words: str | None, tmp_path: Path
) -> None:
    path = tmp_path / "a.csv"
    path.write_text(f"{name},isl,osl\n" + "".join(f"{gap * row},4,5\n" for row in range(40)))
    trace = read(path)
    notes = trace_as_json(trace)["notes"]
    if words is None:
        assert notes == []
    else:
        assert len(notes) == 1
        assert words in notes[0]
        assert describe_trace(trace).endswith(notes[0])


def test_json_says_as_much(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text('{"ts": 4, "osl": 5, "predicted": 6}\n{"ts": 2, "osl": 0, "predicted": 1}\n')
    found = json.loads(json.dumps(trace_as_json(read(path)), allow_nan=False))
    assert (found["rows"], found["requests"], found["dropped"]) == (2, 1, 1)
    assert found["left_out"] == {"0 output tokens": 1}
    assert found["columns"] == {"time": "ts", "output": "osl", "predicted": "predicted"}
    assert (found["span"], found["rate"], found["burstiness"]) == (0.0, None, None)
    assert found["predicted_tokens"] == {"mean": 6.0, "p50": 6.0, "p90": 6.0, "p99": 6.0, "max": 6}
    assert found["time_unit"].startswith("seconds, assumed")
    assert len(found["notes"]) == 1


def test_a_trace_of_arrays_has_no_file() -> None:
    for trace, times in (
        (from_arrays([1], [2]), "times: none"),
        (from_arrays([1, 1], [2, 2], arrivals=[5, 5]), "times: all at once"),
        (from_arrays([], []), "times: none"),
    ):
        assert describe_trace(trace).splitlines()[:2] == [f"{len(trace)} requests", times]
        assert trace_as_json(trace)["file"] is None


def test_bursts_have_a_coefficient_of_variation() -> None:
    n = 100_000
    for cv in (0.5, 1.0, 3.0):
        trace = from_arrays([1] * n, [1] * n, arrivals=arrivals.gamma(n, 2.0, cv, seed=3))
        # Four standard errors of the estimate at cv 3, whose gaps have a kurtosis of 6 cv² + 3.
        assert trace.burstiness == pytest.approx(cv, rel=0.05)
        assert trace.scale_rate(7).burstiness == pytest.approx(trace.burstiness)
    with pytest.raises(ValueError, match="no rate"):
        _ = from_arrays([1, 1], [1, 1], arrivals=np.zeros(2)).burstiness
    with pytest.raises(ValueError, match="no arrivals"):
        _ = from_arrays([1], [1]).burstiness
