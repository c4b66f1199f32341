"""Files of tools, made here as each tool writes them: roles, units, failures, what was measured."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from multibin.lab.traces import Trace, read


def write(tmp_path: Path, content: str | bytes) -> Path:
    path = tmp_path / "trace"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def check(trace: Trace) -> None:
    assert trace.prompt_tokens.tolist() == [400, 100, 90]
    assert trace.output_tokens.tolist() == [20, 55, 8]
    assert trace.arrivals is not None
    assert trace.arrivals.tolist() == pytest.approx([0, 1, 2])


def test_mooncake_counts_milliseconds_and_only_mooncake(tmp_path: Path) -> None:
    rows: list[dict[str, Any]] = [
        {"timestamp": i * 1000, "input_length": p, "output_length": o, "hash_ids": [i]}
        for i, (p, o) in enumerate([(400, 20), (100, 55), (90, 8)])
    ]
    trace = read(write(tmp_path, "\n".join(map(json.dumps, rows))))
    check(trace)
    assert trace.source is not None
    assert trace.source.time_unit == "milliseconds, as in files of Mooncake"
    check(read(write(tmp_path, json.dumps(rows)), time_unit=1e-3))
    others: list[list[dict[str, Any]]] = [
        [{**row, "chat_id": 1} for row in rows],
        [{**row, "timestamp": row["timestamp"] + 0.5} for row in rows],
        [{key: row[key] for key in row if key != "hash_ids"} for row in rows],
    ]
    for other in others:
        trace = read(write(tmp_path, "\n".join(map(json.dumps, other))))
        assert trace.arrivals is not None
        assert trace.arrivals.tolist() == [0, 1000, 2000]
        assert trace.source is not None
        assert str(trace.source.time_unit).startswith("seconds, assumed")


VLLM: dict[str, Any] = {
    "backend": "vllm",
    "num_prompts": 4,
    "total_input_tokens": 590,
    "input_lens": [90, 400, 7, 100],
    "output_lens": [8, 20, 0, 55],
    "start_times": [9.0, 7.0, 7.5, 8.0],
    "ttfts": [0.3, 0.1, 0.0, 0.2],
    "itls": [[0.1] * 7, [0.2] * 19, [], [0.3] * 54],
    "errors": ["", "", "Traceback …", ""],
    "generated_texts": ["a", "b", "", "c"],
}


@pytest.mark.parametrize("lengths", [{}, {"e2els": [1.0, 3.9, 0.0, 16.4]}])
def test_results_of_vllm(tmp_path: Path, lengths: dict[str, Any]) -> None:
    trace = read(write(tmp_path, json.dumps(VLLM | lengths)))
    assert (trace.prompt_tokens.tolist(), trace.dropped) == ([400, 100, 90], 1)
    assert trace.measured is not None
    assert trace.measured.ttft.tolist() == [0.1, 0.2, 0.3]
    assert trace.measured.latency.tolist() == pytest.approx([3.9, 16.4, 1.0])
    assert trace.measured.tpot.tolist() == pytest.approx([0.2, 0.3, 0.1])
    assert trace.source is not None
    assert dict(trace.source.left_out) == {"error": 1}
    assert trace.source.notes == ("Rows were put in order of arrival.",)


def test_results_of_sglang_have_no_times(tmp_path: Path) -> None:
    result = {key: value for key, value in VLLM.items() if key != "start_times"}
    path = write(tmp_path, json.dumps(result) + "\n")
    trace = read(path)
    assert trace.arrivals is None
    assert trace.prompt_tokens.tolist() == [90, 400, 100]
    with path.open("a") as file:
        file.write(json.dumps(result) + "\n")
    with pytest.raises(ValueError, match="has the results of 2 runs of a benchmark: keep the line"):
        read(path)


def aiperf(start: float, prompt: int, output: int, **times: float) -> dict[str, Any]:
    metrics: dict[str, Any] = {
        "input_sequence_length": {"value": prompt, "unit": "tokens"},
        "output_sequence_length": {"value": output, "unit": "tokens"},
        "output_token_count": {"value": output - 1, "unit": "tokens"},
    }
    metrics |= {name: {"value": value, "unit": "ms"} for name, value in times.items()}
    when = 1_759_813_207_532_900_363 + round(start * 1e9)
    metadata = {"session_num": 0, "request_start_ns": when, "was_cancelled": False}
    return {"metadata": metadata, "metrics": metrics, "error": None}


def test_records_of_aiperf(tmp_path: Path) -> None:
    lost = aiperf(0.5, 1, 1) | {"metrics": {"error_isl": {"value": 1, "unit": "tokens"}}}
    error = {"error": {"code": 500, "type": "Server", "message": "no"}}
    cut = lost | error | {"metadata": lost["metadata"] | {"was_cancelled": True}}
    rows = [
        lost | error,
        aiperf(0, 400, 20, time_to_first_token=100.0, request_latency=2000.0),
        cut,
        aiperf(1, 100, 55, time_to_first_token=50.0),
        aiperf(2, 90, 8, request_latency=900.0),
    ]
    trace = read(write(tmp_path, "\n".join(map(json.dumps, rows))))
    assert trace.output_tokens.tolist() == [20, 55, 8]
    assert trace.arrivals is not None
    assert trace.arrivals.tolist() == [0, 1, 2], "without rounding: nanoseconds stay integers"
    assert trace.source is not None
    assert dict(trace.source.left_out) == {"error": 1, "cancelled": 1}
    assert trace.source.time_unit == "nanoseconds, by the name metadata.request_start_ns"
    assert trace.measured is not None
    assert trace.measured.ttft.tolist() == pytest.approx([0.1, 0.05, np.nan], nan_ok=True)
    assert trace.measured.latency.tolist() == pytest.approx([2.0, np.nan, 0.9], nan_ok=True)
    assert trace.measured.tpot.tolist() == pytest.approx([1.9 / 19, np.nan, np.nan], nan_ok=True)


def test_responses_of_llmperf(tmp_path: Path) -> None:
    rows = [
        {
            "error_code": code,
            "error_msg": "" if code is None else "overloaded",
            "inter_token_latency_s": 0.02,
            "ttft_s": 0.3,
            "end_to_end_latency_s": 2.2,
            "number_total_tokens": 420,
            "number_output_tokens": 20,
            "number_input_tokens": 400,
        }
        for code in (None, 429, None)
    ]
    trace = read(write(tmp_path, json.dumps(rows, indent=4)))
    assert (len(trace), trace.dropped, trace.arrivals) == (2, 1, None)
    assert trace.measured is not None
    assert trace.measured.tpot.tolist() == pytest.approx([0.1, 0.1])


@pytest.mark.parametrize("newer", [False, True])
def test_requests_of_inference_perf(tmp_path: Path, newer: bool) -> None:
    def request(start: float, prompt: int, output: int) -> dict[str, Any]:
        times: dict[str, Any] = {
            "output_tokens": output,
            "output_token_times": [start + 0.25, start + 0.5],
        }
        info: dict[str, Any] = {"input_tokens": prompt}
        if newer:
            usage = {"completion_tokens": output + 3, "prompt_tokens": prompt + 9}
            info["request_metrics"] = {"text": {"input_tokens": prompt}}
            info["response_metrics"] = times | {"server_usage": usage}
        else:
            info |= times
        ends = {"start_time": 70 + start, "end_time": 72 + start}
        if not newer:
            info["output_token_times"] = [70 + time for time in times["output_token_times"]]
        else:
            info["response_metrics"]["output_token_times"] = [70 + start + 0.25]
        return ends | {"request": "{}", "response": "x", "info": info, "error": None}

    rows = [request(0, 400, 20), request(1, 100, 55), request(2, 90, 8)]
    failed = request(1, 5, 0) | {"error": {"error_type": "Timeout", "error_msg": ""}}
    trace = read(write(tmp_path, json.dumps([*rows, failed])))
    assert (trace.output_tokens.tolist(), trace.dropped) == ([20, 55, 8], 1)
    assert trace.prompt_tokens.tolist() == [400, 100, 90]
    assert trace.measured is not None
    assert trace.measured.ttft.tolist() == pytest.approx([0.25] * 3)
    assert trace.measured.latency.tolist() == pytest.approx([2.0] * 3)


def copilot(session: str, *calls: tuple[str, int, int]) -> dict[str, Any]:
    llm_calls = [
        {
            "timestamp": f"2026-06-01T10:30:{second}Z",
            "duration_ms": 5.0,
            "tokens": {"total": p + o, "prompt": p, "completion": o, "cached": 0},
            "message_metadata": [{"type": "System", "token_len": 5}],
        }
        for second, p, o in calls
    ]
    turn = {"turn_id": "x", "llm_calls": llm_calls, "tool_batches": [{"duration_ms": 3.0}]}
    return {"session_id": session, "date": "2026-06-01", "turns": [turn]}


def test_sessions_of_nested_calls(tmp_path: Path) -> None:
    sessions = [copilot("a", ("00", 400, 20), ("02", 90, 8)), copilot("b", ("01", 100, 55))]
    text = "\n".join(map(json.dumps, sessions))
    trace = read(write(tmp_path, gzip.compress(text.encode())))
    check(trace)
    assert trace.source is not None
    assert trace.source.format == "JSON lines of sessions, gzip"
    assert trace.source.columns["output"] == "tokens.completion"


def test_sessions_whose_times_count_from_their_starts(tmp_path: Path) -> None:
    def request(t: float, prompt: int, output: int) -> dict[str, Any]:
        return {"t": t, "type": "n", "model": "m", "in": prompt, "out": output, "hash_ids": [1]}

    agent = {"t": 1.0, "type": "subagent", "agent_id": "s", "requests": [request(1.0, 100, 55)]}
    session = {
        "id": "x",
        "models": ["m"],
        "block_size": 64,
        "hash_id_scope": "local",
        "requests": [request(0.0, 400, 20), agent, request(2.0, 90, 8)],
    }
    for indent in (None, 2):
        trace = read(write(tmp_path, json.dumps(session, indent=indent)))
        check(trace)
        assert trace.prefixes is None, "hashes of one session say nothing of another"
    two = read(write(tmp_path, "\n".join([json.dumps(session)] * 2)))
    assert (len(two), two.arrivals) == (6, None)
    assert two.source is not None
    assert "Times count from the start of each session" in two.source.notes[0]


def recorded(arrival: float, prompt: int, output: int, end: str, **more: float) -> dict[str, Any]:
    row = {"arrival": 1_790_000_000.5 + arrival, "prompt_tokens": prompt, "output_tokens": output}
    return row | more | {"end": end}


def test_a_recording_of_live_traffic(tmp_path: Path) -> None:
    times = {"time_to_first_token": 0.5, "latency": 2.5}
    rows = [
        recorded(2, 90, 8, "finished", predicted_tokens=9),
        recorded(0, 400, 20, "finished", predicted_tokens=30, wait=0.1, **times),
        recorded(0.5, 7, 0, "cancelled", partial_tokens=3),
        recorded(0.6, 7, 0, "expired"),
        recorded(0.7, 7, 5, "lost"),
        recorded(0.8, 7, 0, "finished", predicted_tokens=3),
        recorded(1, 100, 55, "finished", predicted_tokens=50, latency=1.0),
    ]
    trace = read(write(tmp_path, "\n".join(map(json.dumps, rows))))
    check(trace)
    assert trace.predictions.tolist() == [30, 50, 9]
    assert trace.source is not None
    expected = {"cancelled": 1, "expired": 1, "lost": 1, "0 output tokens": 1}
    assert dict(trace.source.left_out) == expected
    assert trace.source.time_unit == "seconds, as in files of multibin recording"
    assert trace.measured is not None
    assert trace.measured.ttft.tolist() == pytest.approx([0.5, np.nan, np.nan], nan_ok=True)
    assert trace.measured.latency.tolist() == pytest.approx([2.5, 1.0, np.nan], nan_ok=True)
    del rows[0]["predicted_tokens"]
    trace = read(write(tmp_path, "\n".join(map(json.dumps, rows))))
    assert trace.predicted is None
    assert trace.source is not None
    assert trace.source.notes[0] == "predicted_tokens is missing in some rows, so it is ignored."


def test_any_row_may_lack_a_prediction(tmp_path: Path) -> None:
    text = "prompt_tokens,output_tokens,predicted\n1,2,3\n1,2,\n"
    assert read(write(tmp_path, text)).predicted is None
    with pytest.raises(ValueError, match=r"predicted in line 3 of .*, got 'x'"):
        read(write(tmp_path, text.replace("2,\n", "2,x\n")))
