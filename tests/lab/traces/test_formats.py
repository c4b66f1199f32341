"""Formats: each kind of file that is read, made here as its tool writes it."""

from __future__ import annotations

import bz2
import gzip
import json
import lzma
import os
import threading
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from multibin.lab.traces import Trace, read

CSV = "timestamp,prompt_tokens,output_tokens\n0.0,400,20\n1.0,100,55\n2.0,90,8\n"
ROWS = [
    {"timestamp": 0.0, "prompt_tokens": 400, "output_tokens": 20},
    {"timestamp": 1.0, "prompt_tokens": 100, "output_tokens": 55},
    {"timestamp": 2.0, "prompt_tokens": 90, "output_tokens": 8},
]


def write(tmp_path: Path, content: str | bytes, name: str = "trace") -> Path:
    path = tmp_path / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def check(trace: Trace, times: bool = True) -> None:
    assert trace.prompt_tokens.tolist() == [400, 100, 90]
    assert trace.output_tokens.tolist() == [20, 55, 8]
    assert trace.dropped == 0
    if times:
        assert trace.arrivals is not None
        assert trace.arrivals.tolist() == pytest.approx([0, 1, 2])


def words(trace: Trace) -> str:
    assert trace.source is not None
    return trace.source.format


def archive(path: Path, files: dict[str, str]) -> Path:
    with zipfile.ZipFile(path, "w") as packed:
        for name, text in files.items():
            packed.writestr(name, text)
    return path


@pytest.mark.parametrize(
    ("pack", "word"), [(gzip.compress, "gzip"), (bz2.compress, "bzip2"), (lzma.compress, "xz")]
)
@pytest.mark.parametrize("name", ["trace", "trace.csv.gz"])
def test_packed_files(tmp_path: Path, pack: Any, word: str, name: str) -> None:
    trace = read(write(tmp_path, pack(CSV.encode()), name))
    check(trace)
    assert words(trace) == f"CSV, {word}"
    lines = "\n".join(map(json.dumps, ROWS))
    check(read(write(tmp_path, pack(lines.encode()), name)))


def test_a_name_that_promises_a_packed_file_may_lie(tmp_path: Path) -> None:
    check(read(write(tmp_path, CSV, "trace.gz")))


def test_a_zip_archive_of_one_file(tmp_path: Path) -> None:
    files = {"data/trace.csv": CSV, "__MACOSX/data/._trace.csv": "x", "data/.DS_Store": "y"}
    trace = read(archive(tmp_path / "trace.zip", files))
    check(trace)
    assert words(trace) == "CSV, zip"


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32"])
def test_encodings(tmp_path: Path, encoding: str) -> None:
    text = CSV.replace("timestamp", "model,timestamp").replace("\n", "\né,").removesuffix("é,")
    trace = read(write(tmp_path, text.encode(encoding)))
    check(trace)
    unusual = "" if encoding == "utf-8-sig" else f", {encoding[:6].upper()}"
    assert words(trace) == f"CSV{unusual}"


@pytest.mark.parametrize(("sign", "word"), [(";", "semicolons"), ("\t", "tabs"), ("|", "bars")])
def test_other_signs_between_fields(tmp_path: Path, sign: str, word: str) -> None:
    trace = read(write(tmp_path, CSV.replace(",", sign)))
    check(trace)
    assert words(trace) == f"CSV with {word}"


@pytest.mark.parametrize(
    "text",
    [
        CSV.replace("\n", "\r\n"),
        CSV.replace("\n", "\n\n"),
        f"\n \n{CSV}",
        f"# made on Monday\n{CSV}",
        f"# made by a tool, on Monday\n{CSV}",
        f"# {CSV}",
        f"sep=,\n{CSV}",
        CSV.replace("\n1.0", "\n# a pause\n1.0"),
        CSV.replace("\n", ",\n"),
        CSV.replace("\n1", ",\n1"),
        "\n".join(f'"{line}"' for line in CSV.replace(",", '","').splitlines()),
        CSV.replace("400,20", "400.0,2e1"),
        "\n".join(f"{line},{'x' * 5000}" for line in CSV.splitlines()),
    ],
)
def test_variants_of_csv(tmp_path: Path, text: str) -> None:
    check(read(write(tmp_path, text)))


def test_whole_floats_are_counts_in_any_way(tmp_path: Path) -> None:
    check(read(write(tmp_path, CSV.replace("400", "400.0").replace("20\n", "20.0\n"))))
    floats = [{**row, "prompt_tokens": float(row["prompt_tokens"])} for row in ROWS]
    for rows in (floats, [floats[0], *ROWS[1:]]):
        check(read(write(tmp_path, json.dumps(rows))))
    texts = [{key: str(value) for key, value in row.items()} for row in ROWS]
    check(read(write(tmp_path, json.dumps(texts))))


def test_a_file_without_a_header_has_columns_by_position(tmp_path: Path) -> None:
    path = write(tmp_path, CSV.partition("\n")[2])
    check(read(path, columns="time=1,prompt=2,output=3"))
    with pytest.raises(ValueError, match=r"has no header: .*'0.0', '400', '20'.*--columns time=1"):
        read(path)


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("\n".join(map(json.dumps, ROWS)), "JSON lines"),
        (json.dumps(ROWS), "JSON array"),
        ("[\n" + ",\n".join(map(json.dumps, ROWS)) + "\n]\n", "JSON array"),
        (json.dumps(ROWS, indent=2), "JSON array"),
        ("\n".join(json.dumps(row, indent=2) for row in ROWS), "JSON objects"),
        (json.dumps({"model": "m", "requests": ROWS}), "JSON array requests"),
        (json.dumps({key: [row[key] for row in ROWS] for key in ROWS[0]}), "JSON object of lists"),
        (json.dumps({key: [row[key] for row in ROWS] for key in ROWS[0]}, indent=1), "JSON obj"),
    ],
)
def test_shapes_of_json(tmp_path: Path, text: str, word: str) -> None:
    trace = read(write(tmp_path, text))
    check(trace)
    assert words(trace).startswith(word)
    check(read(write(tmp_path, b"\xef\xbb\xbf" + text.encode())))


def test_one_request_is_a_trace(tmp_path: Path) -> None:
    for indent in (None, 2):
        assert len(read(write(tmp_path, json.dumps(ROWS[0], indent=indent)))) == 1


def test_lists_in_a_record_are_no_columns(tmp_path: Path) -> None:
    rows = [{**row, "token_times": [1.0, 2.0], "token_ids": [5, 6]} for row in ROWS]
    check(read(write(tmp_path, "\n".join(map(json.dumps, rows)))))


def test_nested_records_and_names_with_dots(tmp_path: Path) -> None:
    nested = [
        {
            "created_at": f"2024-12-01T10:30:4{i}Z",
            "usage": {"prompt_tokens": row["prompt_tokens"], "completion_tokens": 1},
            "body": {"answer": {"n": row["output_tokens"]}},
            "gen_ai.usage.input_tokens": row["prompt_tokens"],
        }
        for i, row in enumerate(ROWS)
    ]
    path = write(tmp_path, "\n".join(map(json.dumps, nested)))
    trace = read(path, columns={"output": "body.answer.n"})
    check(trace)
    assert trace.source is not None
    assert trace.source.columns["prompt"] == "usage.prompt_tokens", "as the other says, too"


def test_mooncake_counts_milliseconds_and_only_mooncake(tmp_path: Path) -> None:
    rows = [
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
        times = {"output_tokens": output, "output_token_times": [start + 0.25, start + 0.5]}
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


@pytest.mark.parametrize(
    "header",
    [
        "arrival_timestamp,prompt_size,token_size",
        "timestamp,isl,osl",
        "arrived_at,num_input,num_output",
        "arrived_at,num_prefill_tokens,num_decode_tokens",
        "startTime,promptTokens,completionTokens",
        "sent_at,tokens_prompt,tokens_completion",
        "Scheduled At,Input Token Count,Output Token Count",
        "arrival_time_s,usage.input,usage.output",
    ],
)
def test_names_of_other_tools(tmp_path: Path, header: str) -> None:
    check(read(write(tmp_path, CSV.replace(CSV.partition("\n")[0], header))))


def test_lengths_alone(tmp_path: Path) -> None:
    trace = read(write(tmp_path, "output_tokens\n20\n55\n8\n"))
    assert (trace.output_tokens.tolist(), trace.prompt_tokens.tolist()) == ([20, 55, 8], [0] * 3)
    assert trace.source is not None
    assert "no prompt tokens: prompts count 0" in trace.source.notes[0]


def test_failures_in_csv(tmp_path: Path) -> None:
    rows = ["0,400,20,,false", "0.5,,,HTTP 500,", "1,100,55,,", "1.5,7,,,True", "2,90,8,null,0"]
    header = "timestamp,prompt_tokens,output_tokens,error,cancelled\n"
    path = write(tmp_path, header + "\n".join(rows))
    trace = read(path)
    assert trace.output_tokens.tolist() == [20, 55, 8]
    assert trace.source is not None
    assert dict(trace.source.left_out) == {"error": 1, "cancelled": 1}
    full = write(
        tmp_path, header + "\n".join(rows).replace(",,,HTTP", ",1,1,HTTP").replace("7,,", "7,1,")
    )
    assert read(full).output_tokens.tolist() == [20, 55, 8], "by numpy's reader"


def test_a_number_is_no_error_but_a_code_is(tmp_path: Path) -> None:
    for name, rows in (("error", 2), ("error_code", 1)):
        text = f"prompt_tokens,output_tokens,{name}\n1,2,0.5\n1,2,0\n"
        assert len(read(write(tmp_path, text))) == rows
        records = [{"prompt_tokens": 1, "output_tokens": 2, name: value} for value in (0.5, 0)]
        assert len(read(write(tmp_path, json.dumps(records)))) == rows


def test_a_pipe_is_read_once(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    writer = threading.Thread(target=pipe.write_bytes, args=[gzip.compress(CSV.encode())])
    writer.start()
    try:
        check(read(pipe))
    finally:
        writer.join()


@pytest.mark.parametrize("form", ["csv", "jsonl", "json"])
def test_threads_read_alike(tmp_path: Path, form: str) -> None:
    text = {"csv": CSV, "json": json.dumps(ROWS), "jsonl": "\n".join(map(json.dumps, ROWS))}[form]
    path, found = write(tmp_path, text), []
    threads = [threading.Thread(target=lambda: found.append(read(path))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 8
    for trace in found:
        check(trace)
