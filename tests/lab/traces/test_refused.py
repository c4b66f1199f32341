"""Files that are no trace: each is named as what it is, with what to do."""

from __future__ import annotations

import gzip
import json
import lzma
import zipfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from multibin.lab.traces import Trace, describe_trace, read, trace_as_json

CSV = "timestamp,prompt_tokens,output_tokens\n0.0,400,20\n1.0,100,55\n2.0,90,8\n"
ENCODINGS = ["utf-8", "utf-8", "utf-8", "utf-16", "utf-16-le", "utf-32"]
POINTER = "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 12345\n"
USAGE = (
    "start_time,end_time,num_model_requests,input_tokens,output_tokens\n1780272000,1780358400,1,5,6"
)
SHAREGPT = [{"id": "x", "conversations": [{"from": "human", "value": "hi"}]}]
BUCKETS = {
    "object": "page",
    "data": [
        {"start_time": 1, "results": [{"num_model_requests": 5, "output_tokens": 7}]},
        {"start_time": 2, "results": []},
    ],
}
SUMMARY = {
    "backend": "vllm",
    "total_output_tokens": 83,
    "request_throughput": 1.0,
    "mean_ttft_ms": 5.0,
    "p99_itl_ms": 9.0,
}
AIPERF_SUMMARY = {
    "request_throughput": {"unit": "requests/sec", "avg": 3.0},
    "time_to_first_token": {"unit": "ms", "avg": 120.0},
    "request_latency": {"unit": "ms", "avg": 900.0},
    "output_sequence_length": {"unit": "tokens", "avg": 126.5},
}


def refused(tmp_path: Path, content: str | bytes, **options: Any) -> str:
    """Returns what is said of a file, which must name it."""
    path = tmp_path / "trace"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(ValueError, match="trace") as error:
        read(path, **options)
    return str(error.value)


def zipped(files: dict[str, str], path: Path) -> bytes:
    with zipfile.ZipFile(path, "w") as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    return path.read_bytes()


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("", "is empty"),
        (" \n\n", "is empty: it has blank lines alone"),
        ("\ufeff", "is empty"),
        ("\ufeff" + POINTER, "a Git LFS pointer"),
        (POINTER, "a Git LFS pointer, not the file itself: fetch it (git lfs pull)"),
        ("<!DOCTYPE html>\n<html><body>404</body></html>", "an HTML page, not data: download"),
        ("\n<html>", "an HTML page"),
        ("<?xml version='1.0'?><rows/>", "is XML"),
        (b"PAR1\x15\x04\x15\x00PAR1", "a Parquet file: save it as CSV or JSON lines"),
        (b"ARROW1\x00\x00abc", "an Arrow file"),
        (b"\x28\xb5\x2f\xfd\x04\x00abc", "compressed with zstd: decompress it first"),
        (b"SQLite format 3\x00\x10\x00", "a SQLite database: export"),
        (b"\x93NUMPY\x01\x00v\x00", "a NumPy array"),
        (b"\x7fELF\x02\x01\x01" + bytes(40), "binary, not text"),
        (b"a,b\n" + b"x" * 253 + b"ustar\x00" + bytes(300), "a tar archive: unpack it first"),
        (USAGE, "aggregated sums, many requests a row (column num_model_requests)"),
        (USAGE.replace("num_model_", "n_").replace(",1,5", ",3,5"), "(column n_requests)"),
        (json.dumps(BUCKETS), "aggregated sums, many requests a row (column num_model_requests)"),
        (json.dumps(SHAREGPT), "texts (conversations) and no counts of tokens"),
        ('{"messages": [], "model": "m"}\n' * 2, "texts (messages) and no counts of tokens"),
        ("id,prompt,response\n1,Hello there,Hi\n", "texts (prompt) and no counts of tokens"),
        (json.dumps(SUMMARY), "a summary of a benchmark without its requests"),
        (json.dumps(SUMMARY) + "\n", "--save-detailed (vLLM) or --output-details (SGLang)"),
        (json.dumps(AIPERF_SUMMARY, indent=2), "a summary of a benchmark without its requests"),
        (json.dumps({"a": 1}), "no column of output tokens"),
        (json.dumps([1, 2, 3]), "record 1 of"),
        (json.dumps([{"output_tokens": 5}, None]), "record 2 of"),
        (json.dumps([]), "no column of output tokens"),
        ("[[1, 2], [3, 4]]", "must be a JSON object, got [1, 2]"),
        ('[{"output_tokens": 5},', "line 1 of"),
        ('{"a": ' * 5000, "trace"),
    ],
)
def test_named_as_what_it_is(tmp_path: Path, content: str | bytes, words: str) -> None:
    assert words in refused(tmp_path, content)


@pytest.mark.parametrize(
    "column",
    [
        *("count", "Requests", "calls", "AzureOpenAIRequests", "# requests", "num_reqs"),
        *("requests/min", "request_cnt", "invocations", "bucket_start", "usage_date_utc", "period"),
    ],
)
def test_sums_by_other_names(tmp_path: Path, column: str) -> None:
    text = f"timestamp,prompt_tokens,output_tokens,{column}\n0,9000,200,5\n60,9500,300,7\n"
    said = refused(tmp_path, text)
    assert f"aggregated sums, many requests a row (column {column})" in said


@pytest.mark.parametrize("column", ["messages", "totalTokenCount", "n", "batch_size", "request_id"])
def test_numbers_that_count_no_requests(tmp_path: Path, column: str) -> None:
    path = tmp_path / "trace"
    path.write_text(f"timestamp,output_tokens,{column}\n0,200,5\n60,300,7\n")
    assert len(read(path)) == 2


def test_rows_that_are_spans_of_time(tmp_path: Path) -> None:
    rows = [f"2024-01-01 0{i}:00,2024-01-01 0{i + 1}:00,9000,200\n" for i in range(3)]
    said = refused(tmp_path, "start_time,end_time,input_tokens,output_tokens\n" + "".join(rows))
    assert "a span of time a row (end_time of each row is start_time of the next one)" in said
    results = [{"uncached_input_tokens": 1500, "output_tokens": 500}]
    day = {"starting_at": "2024-11-01T00:00:00Z", "results": results}
    assert "(column starting_at)" in refused(tmp_path, json.dumps({"data": [day]}))


def test_requests_one_after_the_other_are_no_spans(tmp_path: Path) -> None:
    path = tmp_path / "trace"
    path.write_text("start_time,end_time,output_tokens\n0.5,1.5,5\n1.5,3.25,6\n3.25,4,6\n")
    assert len(read(path)) == 3, "one user of a closed loop, say"


def test_counts_of_one_request_a_row_are_no_sums(tmp_path: Path) -> None:
    path = tmp_path / "trace"
    path.write_text("requests,output_tokens\n1,5\n1,6\n")
    assert len(read(path)) == 2


def test_columns_that_were_found_are_listed_but_not_all_of_a_thousand(tmp_path: Path) -> None:
    said = refused(tmp_path, "when,question_size\n1,2\n")
    assert "only ['when', 'question_size']; columns name it: --columns output=NAME" in said
    many = refused(tmp_path, ",".join(f"c{i}" for i in range(1000)) + "\n1\n")
    assert "and 970 more" in many
    assert len(many) < 800


@pytest.mark.parametrize("cut", [1, 20])
@pytest.mark.parametrize("pack", [gzip.compress, lzma.compress])
def test_a_damaged_packed_file(tmp_path: Path, pack: Any, cut: int) -> None:
    packed = pack((CSV + CSV.partition("\n")[2] * 2000).encode())
    assert "cannot read the trace" in refused(tmp_path, packed[:-cut])
    broken = packed[:40] + bytes(8) + packed[48:]
    assert "trace" in refused(tmp_path, broken)


def test_archives(tmp_path: Path) -> None:
    two = zipped({"a.csv": CSV, "b.csv": CSV}, tmp_path / "two.zip")
    assert "a zip archive of 2 files (a.csv, b.csv): unpack one" in refused(tmp_path, two)
    none = zipped({"empty/": ""}, tmp_path / "none.zip")
    assert "a zip archive of 0 files" in refused(tmp_path, none)
    book = zipped({"[Content_Types].xml": "", "xl/workbook.xml": ""}, tmp_path / "book.zip")
    assert "an Excel workbook: save the sheet as CSV first" in refused(tmp_path, book)
    nested = zipped({"a.zip": "PK\x03\x04"}, tmp_path / "nested.zip")
    assert "packed twice: unpack it once" in refused(tmp_path, nested)
    assert "cannot read" in refused(tmp_path, two[: len(two) // 2])


def test_a_folder_and_a_missing_file(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "nowhere"):
        with pytest.raises(ValueError, match="cannot read the trace"):
            read(path)


def test_a_text_in_another_encoding(tmp_path: Path) -> None:
    said = refused(tmp_path, CSV.encode() + b"3,\xe9,5\n")
    assert "cannot read the trace" in said
    assert "utf-8" in said
    assert said.endswith("save it in UTF-8")


@pytest.mark.parametrize("comment", ["// by a tool\n", "/* by\na tool */\n", "# by\n# a tool\n"])
def test_comments_before_json(tmp_path: Path, comment: str) -> None:
    for content in ('[{"output_tokens": 5}]', '{"output_tokens": 5}\n'):
        assert "has comments before JSON" in refused(tmp_path, comment + content)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("0.0,4,808,10", "line 2 of"),
        ("0,1,2\n0.0,4,808,10", "must be a row of 3 fields, as the header has, got '0.0,4,808,10'"),
        ("nan,1,2", "timestamp in line 2 of"),
        ("0,-1,2", "prompt_tokens in line 2 of"),
        ("0,1,-2.0", "output_tokens in line 2 of"),
        ("0,True,2", "got 'True'"),
        ("0,1,1e300", "got '1e300'"),
        (f"0,1,{'9' * 400}", "got '999"),
        ("0,1,2\n1,0x10,2", "prompt_tokens in line 3 of"),
        ("0,1,2\n1,1;5,2", "got '1;5'"),
        ('0,1,"1,5"', "got '1,5'"),
        ("0,1,2\n1,x,\n", "in line 3 of"),
        ("#5,1,2", "timestamp in line 2 of"),
    ],
)
def test_rows_of_csv(tmp_path: Path, text: str, words: str) -> None:
    assert words in refused(tmp_path, f"timestamp,prompt_tokens,output_tokens\n{text}\n")


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("true", "got True"),
        ("-2", "got -2"),
        ("{}", "got {}"),
        ("[5]", "got [5]"),
        ("5.5", "got 5.5"),
        ('"five"', "got 'five'"),
        ("1" + "0" * 5000, "trace"),
    ],
)
def test_values_of_json(tmp_path: Path, value: str, words: str) -> None:
    row = '{"prompt_tokens": 1, "usage": {"output_tokens": %s}}\n'
    good = row % 5
    said = refused(tmp_path, good + good + row % value)
    assert words in said
    assert "line 3" in said
    assert words in refused(tmp_path, f"[{good},{good},{row % value}]")


@pytest.mark.parametrize("value", ["", "-1", "NaN", "null", "None", "N/A", "-1.0"])
def test_rows_without_a_number_of_output_tokens(tmp_path: Path, value: str) -> None:
    path = tmp_path / "trace"
    header = "timestamp,prompt_tokens,output_tokens\n"
    path.write_text(f"{header}0,5,20\n1,6,{value}\n2,7,8\n")
    trace = read(path)
    assert trace.output_tokens.tolist() == [20, 8]
    assert trace.source is not None
    assert dict(trace.source.left_out) == {"no output tokens": 1}
    said = refused(tmp_path, f"{header}0,5,{value}\n1,6,{value}\n")
    assert "output_tokens in line 2 of" in said, "no row has one: the column is to blame"


@pytest.mark.parametrize("value", ["null", "-1", "NaN", '"None"'])
def test_records_without_a_number_of_output_tokens(tmp_path: Path, value: str) -> None:
    row = '{"prompt_tokens": 1, "output_tokens": %s}\n'
    path = tmp_path / "trace"
    path.write_text(row % 5 + row % value + '{"prompt_tokens": 1}\n' + row % 7)
    trace = read(path)
    assert (trace.output_tokens.tolist(), trace.dropped) == ([5, 7], 2)
    assert "line 1 of" in refused(tmp_path, row % value + row % value)


@pytest.mark.parametrize("short", ["1,a,201", "1,201,21", ",", "1"])
def test_rows_with_too_few_fields(tmp_path: Path, short: str) -> None:
    text = f"timestamp,model,prompt_tokens,output_tokens\n0,a,200,20\n{short}\n"
    assert "line 3 of" in refused(tmp_path, text)
    last = f"timestamp,prompt_tokens,output_tokens,model\n0,200,20,a\n{short}\n"
    assert "must be a row of 4 fields" in refused(tmp_path, last)


def test_a_comma_after_each_row_or_header_is_no_field(tmp_path: Path) -> None:
    path = tmp_path / "trace"
    for header, row in (("", ","), (",", ""), (",", ",")):
        path.write_text(f"timestamp,output_tokens{header}\n0,20{row}\n1,21{row}\n")
        assert read(path).output_tokens.tolist() == [20, 21]


@pytest.mark.parametrize("name", ["input_tokens", "prompt_tokens"])
@pytest.mark.parametrize("form", ["csv", "json"])
def test_two_columns_that_fit(tmp_path: Path, name: str, form: str) -> None:
    def content(last: int) -> str:
        if form == "csv":
            return f"prompt_tokens,output_tokens,{name}\n5,6,5\n7,6,{last}\n"
        other = name if name != "prompt_tokens" else "promptTokens"
        rows = [{"prompt_tokens": p, "output_tokens": 6, other: q} for p, q in ((5, 5), (7, last))]
        return json.dumps(rows)

    path = tmp_path / "equal"
    path.write_text(content(7))
    assert read(path).prompt_tokens.tolist() == [5, 7]
    said = refused(tmp_path, content(8))
    assert "two columns of prompt tokens that differ, prompt_tokens and" in said
    assert "(7 and 8 in one row): choose one, --columns prompt=prompt_tokens" in said
    path.write_text(content(8))
    assert read(path, columns="prompt=prompt_tokens").prompt_tokens.tolist() == [5, 7]


@pytest.mark.parametrize(
    ("columns", "error", "words"),
    [
        ("prompt", ValueError, "columns must be ROLE=NAME,… with the roles time, prompt"),
        ("out=x", ValueError, "a role of columns must be one of 'time', 'prompt', 'output'"),
        ("time=t,prompt=in,ouput=gen", ValueError, "a role of columns must be .*, got 'ouput'"),
        ("prompt=a,prompt=b", ValueError, "columns must be one name for prompt"),
        ("output=nope", ValueError, "the column of output must be one of the columns of "),
        ({"size": "a"}, ValueError, "a role of columns must be one of 'time', 'prompt'"),
        ({"output": 3}, TypeError, "the column of output must be a name, got 3"),
        ("output=", ValueError, "no column of output tokens"),
    ],
)
def test_columns_that_are_named_wrongly(
    tmp_path: Path, columns: Any, error: type[Exception], words: str
) -> None:
    path = tmp_path / "trace"
    path.write_text(CSV)
    with pytest.raises(error, match=words):
        read(path, columns=columns)


def test_a_chosen_name_may_have_commas_and_other_letters(tmp_path: Path) -> None:
    path = tmp_path / "trace"
    path.write_text('"tokens, in",Answer_Size\n5,6\n')
    trace = read(path, columns="prompt=tokens, in,output=answersize")
    assert (trace.prompt_tokens.tolist(), trace.output_tokens.tolist()) == ([5], [6])


def test_all_rows_failed(tmp_path: Path) -> None:
    said = refused(tmp_path, '{"output_tokens": 5, "error": "x"}\n{"output_tokens": 0}\n')
    assert "no row with output tokens among 2" in said


pieces = st.sampled_from(
    [
        *("timestamp", "prompt_tokens", "output_tokens", "error", "status", "predicted", "isl"),
        *(",", ",", ",", ";", "\t", "\n", "\n", "\r\n", '"', "#", "=", " ", "\x00", "é", "1e3"),
        *("0", "1", "5", "-1", "2.0", "0.5", "nan", "inf", "9" * 30, "1733049045", "2024-12-01"),
        *("2024-12-01 10:30", "T10:30:45Z", "+01:00", " UTC", "/", "x" * 50, "null", "true"),
        *("{", "}", "[", "]", ":", '"output_tokens":', '"timestamp":', '"usage":', '"hash_ids":'),
        *('{"output_tokens": 5}', '{"output_tokens": 5, "ttfts": [1]}', '"input_lens": [1, 2],'),
    ]
)


texts = st.lists(pieces, max_size=40).map("".join) | st.text(max_size=60)


def outcome(path: Path) -> Trace | str:
    try:
        return read(path)
    except ValueError as error:
        return str(error)


@given(texts, st.sampled_from(ENCODINGS))
@settings(max_examples=400)
def test_any_text_is_a_trace_or_refused(
    tmp_path_factory: pytest.TempPathFactory, text: str, encoding: str
) -> None:
    path = tmp_path_factory.mktemp("any") / "trace"
    path.write_bytes(text.encode(encoding, "surrogatepass"))
    found = outcome(path)
    if isinstance(found, str):
        assert len(found) < 5000
    else:
        assert json.dumps(trace_as_json(found), allow_nan=False)
        assert describe_trace(found)


@given(st.binary(max_size=200), st.sampled_from([b"", b"\x1f\x8b", b"PK\x03\x04", b"BZh"]))
def test_any_bytes_are_a_trace_or_refused(
    tmp_path_factory: pytest.TempPathFactory, content: bytes, start: bytes
) -> None:
    path = tmp_path_factory.mktemp("any") / "trace"
    path.write_bytes(start + content)
    found = outcome(path)
    assert not isinstance(found, str) or str(path) in found
