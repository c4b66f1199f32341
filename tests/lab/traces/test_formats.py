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
        "\n".join(f"{line},{'x' * (200_000 * i)}" for i, line in enumerate(CSV.splitlines())),
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
        (json.dumps({"model": "m", "requests": ROWS}), "JSON lines, one list of requests"),
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


@pytest.mark.parametrize("form", ["csv", "json"])
def test_statuses_that_are_failures(tmp_path: Path, form: str) -> None:
    statuses = [
        "success",
        "Error",
        "200",
        "503",
        "UserCancel",
        "ok",
        "the test failed, as it should",
    ]
    if form == "csv":
        text = "output_tokens,status\n" + "".join(f'5,"{status}"\n' for status in statuses)
    else:
        text = json.dumps([{"output_tokens": 5, "status": status} for status in statuses])
    trace = read(write(tmp_path, text))
    assert (len(trace), trace.dropped) == (4, 3)
    assert trace.source is not None
    assert dict(trace.source.left_out) == {"error": 2, "cancelled": 1}


@pytest.mark.parametrize("form", ["csv", "json"])
@pytest.mark.parametrize(
    ("name", "good", "bad"),
    [
        ("success", "true", "false"),
        ("is_success", "1", "0"),
        ("succeeded", "yes", "no"),
        ("isError", "0", "1"),
        ("failed", "0", "1"),
        ("timed_out", "false", "true"),
        ("exception", "", "TimeoutError()"),
        ("error_type", "N/A", "server_error"),
        ("error", "-", "reset by peer"),
        ("error_code", "200", "500"),
        ("http_code", "200", "429"),
        ("code", "200", "503"),
        ("status", "200 OK", "500 Internal Server Error"),
        ("status", "completed", "rejected"),
        ("finish_reason", "length", "abort"),
        ("state", "COMPLETED", "FAILED"),
    ],
)
def test_what_tells_failures(tmp_path: Path, form: str, name: str, good: str, bad: str) -> None:
    values = [good, bad, good]
    if form == "csv":
        text = f"prompt_tokens,output_tokens,{name}\n" + "".join(f"9,5,{v}\n" for v in values)
    else:
        known = {"true": True, "false": False, "": None}
        rows = [{"prompt_tokens": 9, "output_tokens": 5, name: known.get(v, v)} for v in values]
        text = json.dumps(rows)
    trace = read(write(tmp_path, text))
    assert (len(trace), trace.dropped) == (2, 1)


@pytest.mark.parametrize(
    ("name", "value"), [("code", 7), ("state", "running"), ("ok", "x"), ("rejected", 0.3)]
)
def test_what_tells_no_failure(tmp_path: Path, name: str, value: object) -> None:
    trace = read(write(tmp_path, json.dumps([{"output_tokens": 5, name: value}])))
    assert (len(trace), trace.dropped) == (1, 0)


def test_a_status_may_be_an_object_with_columns(tmp_path: Path) -> None:
    row = {"result": {"usage": {"input_tokens": 4, "output_tokens": 5}}, "status": 200}
    assert read(write(tmp_path, json.dumps([row]))).prompt_tokens.tolist() == [4]


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


RECORDS = [{"timestamp": i, "prompt_tokens": 9 + i, "output_tokens": 5 + i} for i in range(3)]


@pytest.mark.parametrize(
    "content",
    [
        "".join(map(json.dumps, RECORDS)),
        " ".join(map(json.dumps, RECORDS)),
        json.dumps([RECORDS[:2], RECORDS[2:]]),
        json.dumps([[*RECORDS[0]], *([*row.values()] for row in RECORDS)]),
        json.dumps({"columns": [*RECORDS[0]], "data": [[*row.values()] for row in RECORDS]}),
        json.dumps(
            {key: {str(i): row[key] for i, row in enumerate(RECORDS)} for key in RECORDS[0]}
        ),
        json.dumps({"data": RECORDS, "has_more": False}),
    ],
)
def test_rows_in_other_shapes_of_json(tmp_path: Path, content: str) -> None:
    for text in (content, content + "\n"):
        trace = read(write(tmp_path, text))
        assert trace.output_tokens.tolist() == [5, 6, 7]
        assert trace.prompt_tokens.tolist() == [9, 10, 11]
        assert trace.arrivals is not None
        assert trace.arrivals.tolist() == [0, 1, 2]


def test_lists_of_requests_that_did_not_end(tmp_path: Path) -> None:
    failed = {"prompt_tokens": 9, "output_tokens": None}
    requests = {"successful": RECORDS, "incomplete": [RECORDS[0]], "errored": [failed]}
    trace = read(write(tmp_path, json.dumps({"benchmarks": [{"requests": requests}]})))
    assert (len(trace), trace.dropped) == (3, 2)
