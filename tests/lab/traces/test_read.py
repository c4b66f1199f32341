"""Files: what is read, how it is ordered, and what is said of a bad one."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from multibin.lab.traces import Trace, read
from multibin.lab.traces._csv import CsvFile
from multibin.lab.traces._exact import Raw
from multibin.lab.traces._text import Text

AZURE = "TIMESTAMP,ContextTokens,GeneratedTokens\n"
BURST = "Timestamp,Model,Request tokens,Response tokens,Total tokens,Log Type\n"
REAL = Path(__file__).parents[3] / "../shared/data/azure_llm_2023_conv.csv"


def write(tmp_path: Path, text: str, name: str = "trace") -> Path:
    path = tmp_path / name
    path.write_text(text)
    return path


def lists(trace: Trace) -> list[list[float] | None]:
    columns = (trace.arrivals, trace.prompt_tokens, trace.output_tokens, trace.predicted)
    return [None if column is None else column.tolist() for column in columns]


def test_azure(tmp_path: Path) -> None:
    rows = "2023-11-16 18:15:46.6805900,374,44\r\n2023-11-16 18:15:50.9951690,396,109"
    trace = read(write(tmp_path, AZURE.replace("\n", "\r\n") + rows))
    assert lists(trace) == [[0.0, 4.314579], [374, 396], [44, 109], None]
    assert trace.dropped == 0


def test_burstgpt_failures_are_left_out_and_counted(tmp_path: Path) -> None:
    rows = (
        "5,ChatGPT,472,18,490,Conversation log\n45,GPT-4,0,0,0,API log\n"
        "118.5,GPT-4,417,276,693,API log\n130,GPT-4,9,0,9,API log\n"
    )
    path = write(tmp_path, BURST + rows)
    assert lists(read(path)) == [[0.0, 113.5], [472, 417], [18, 276], None]
    assert read(path).dropped == 2
    assert (len(read(path, 2)), read(path, 2).dropped) == (1, 1), "rows of the file"


def test_burstgpt_with_the_newer_columns(tmp_path: Path) -> None:
    header = "Timestamp,Session ID,Elapsed time,Model,Request tokens,Response tokens,Total tokens\n"
    trace = read(write(tmp_path, header + "5,s,0.5,GPT-4,472,18,490\n"))
    assert lists(trace) == [[0.0], [472], [18], None]


@pytest.mark.parametrize(
    ("prompt", "output", "arrival", "predicted"),
    [
        ("prompt_tokens", "output_tokens", "timestamp", "predicted"),
        ("input_tokens", "completion_tokens", "arrival", "predicted_tokens"),
        ("input_length", "output_length", "arrival_time", "predicted-length"),
        ("promptTokens", "outputTokens", "Timestamp", "predictedOutputTokens"),
    ],
)
@pytest.mark.parametrize("form", ["csv", "jsonl"])
def test_synonyms(
    tmp_path: Path, prompt: str, output: str, arrival: str, predicted: str, form: str
) -> None:
    rows = [
        {"id": 7, arrival: 2.5, prompt: 3, predicted: 12, output: 10},
        {"id": 8, arrival: 4.0, prompt: 0, predicted: 0, output: 1},
    ]
    lines = [json.dumps(row) for row in rows]
    if form == "csv":
        lines = [",".join(rows[0]), *(",".join(map(str, row.values())) for row in rows)]
    trace = read(write(tmp_path, "\n".join(lines)))
    assert lists(trace) == [[0.0, 1.5], [3, 0], [10, 1], [12, 0]]


def test_the_mooncake_traces_count_in_milliseconds(tmp_path: Path) -> None:
    rows = '{"timestamp": 1000, "input_length": 6, "output_length": 5, "hash_ids": [0, 1]}\n' * 2
    path = write(tmp_path, rows + rows.replace("1000", "4500"))
    arrivals = read(path, time_unit=1e-3).arrivals
    assert arrivals is not None
    assert arrivals.tolist() == [0, 0, 3.5, 3.5]


def test_times_may_be_unknown_or_ignored(tmp_path: Path) -> None:
    assert read(write(tmp_path, AZURE + "x,1,2\n"), times=False).arrivals is None
    assert read(write(tmp_path, "ContextTokens,GeneratedTokens\n1,2\n")).arrivals is None
    assert read(write(tmp_path, '{"prompt_tokens": 1, "output_tokens": 2}')).arrivals is None


def test_rows_are_put_in_order_of_arrival_and_ties_keep_theirs(tmp_path: Path) -> None:
    path = write(
        tmp_path, BURST + "".join(f"{t},m,{i},1,1,l\n" for i, t in enumerate([7, 5, 7, 5]))
    )
    assert lists(read(path)) == [[0, 0, 2, 2], [1, 3, 0, 2], [1] * 4, None]
    assert lists(read(path, 1)) == [[0], [0], [1], None], "the first rows of the file"


def test_what_does_not_matter(tmp_path: Path) -> None:
    text = "\ufeffTIMESTAMP,model,GeneratedTokens,ContextTokens\n1,m,5,7\n\n2,é,+6, 8, ,\n\n"
    path = write(tmp_path, text)
    for rows in (None, 2, 9):
        assert lists(read(path, rows)) == [[0, 1], [7, 8], [5, 6], None]
    quoted = write(tmp_path, AZURE + '"1","2","3"\n')
    assert lists(read(quoted)) == [[0], [2], [3], None]
    jsonl = write(tmp_path, '\n{"input_len": 1, "output_len": 2}\n\n{"input_len":3,"output_len":4}')
    assert lists(read(jsonl, 2)) == [None, [1, 3], [2, 4], None]


def test_the_format_may_be_given(tmp_path: Path) -> None:
    path = write(tmp_path, AZURE + "1,2,3\n")
    assert len(read(path, format="csv")) == 1
    with pytest.raises(ValueError, match=r"line 1 of .* must be a JSON object, got "):
        read(path, format="jsonl")
    with pytest.raises(ValueError, match="format must be one of 'csv', 'json', 'jsonl', got 'xml'"):
        read(path, format="xml")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("TIMESTAMP,ContextTokens\n1,1\n", r"no column of output .* only \['TIMESTAMP', 'Con"),
        ("TIMESTAMP,Total tokens\n1,1\n", r"no column of output .*, only \['TIMESTAMP', 'Total"),
        ("", "trace is empty"),
        (AZURE, "has no row with output tokens among 0"),
        (AZURE + "1,1,0\n2,0,0\n", "has no row with output tokens among 2"),
        (
            AZURE + "1,1,2\n2,one,2\n",
            "ContextTokens in line 3 of .* must be a number of tokens .*, got 'one'",
        ),
        (AZURE + "1,1,2\n\n2,1,-2\n", "GeneratedTokens in line 4 of .*, got '-2'"),
        (AZURE + "1,1,2.5\n", "GeneratedTokens in line 2 of .*, got '2.5'"),
        (AZURE + "1,1\n", "line 2 of .* must be a row of 3 fields, as the header has, got '1,1'"),
        (AZURE + "1,,1\n", "ContextTokens in line 2 of .*, got ''"),
        (AZURE + "1,nan,1\n", "ContextTokens in line 2 of .*, got 'nan'"),
        (AZURE + "1,1_0,1\n", "ContextTokens in line 2 of .*, got '1_0'"),
        (AZURE + "1,٣,1\n", "ContextTokens in line 2 of .*, got '٣'"),
        (AZURE + f"1,1,{2**32}\n", "GeneratedTokens in line 2 of .*, got '4294967296'"),
        (AZURE + f"1,1,{'9' * 200}\n", r"GeneratedTokens in line 2 of .*, got '9{79}…"),
        (AZURE + "1,2,3\nx,4,5\n", "TIMESTAMP in line 3 of .* must be a time like .*, got 'x'"),
        (AZURE + "x,4,5\n1,2,3\n", "TIMESTAMP in line 2 of .* must be a time like .*, got 'x'"),
        (AZURE + "1,2,3\ninf,4,5\n", "TIMESTAMP in line 3 of .*, got 'inf'"),
        (
            AZURE + "1,2,3\n2023-11-16 18:15:46,4,5\n",
            "TIMESTAMP in line 3 of .*, got '2023-11-16 18",
        ),
        (AZURE + "2023-11-16 18:15:46,4,5\n7,2,3\n", "TIMESTAMP in line 3 of .*, got '7'"),
        (AZURE + "x,4,5\n1,2,x\n", "TIMESTAMP in line 2 of .*, got 'x'"),
        (AZURE + "1,4,5\n1,2,x\nx,1,1\n", "GeneratedTokens in line 3 of .*, got 'x'"),
        (AZURE + f"1,2,3\n{'1' * 60},4,5\n", "TIMESTAMP in line 3 of .*, got '1111"),
        ('{"prompt_tokens": 1}', r"no column of output .* only \['prompt_tokens'\]"),
        (
            '{"output_len": 1, "input_len": 2}\n{"output_len": 1}',
            "input_len in line 2 of .* is missing",
        ),
        (
            '{"input_len": 1, "output_len": 2}\n\n{"input_len"',
            "line 3 of .* must be a JSON object, got '{\"input_len\"'",
        ),
        (
            '{"input_len": 1, "output_len": 2}\n[1, 2]',
            r"line 2 of .* must be a JSON object, got '\[1, 2\]'",
        ),
        ('{"input_len": 1, "output_len": 2}{"a":1}', "input_len in record 2 of .* is missing"),
        ('{"input_len": 1, "output_len": true}', "output_len in line 1 of .*, got True"),
        ('{"input_len": 1.5, "output_len": 1}', "input_len in line 1 of .*, got 1.5"),
        ('{"input_len": 1, "output_len": 1e400}', "output_len in line 1 of .*, got inf"),
        (
            '{"input_len": 1, "output_len": 1' + "0" * 30 + "}",
            "output_len in line 1 of .*, got 1000",
        ),
        ('{"arrival": NaN, "input_len": 1, "output_len": 1}', "arrival in line 1 of .*, got nan"),
        (
            '{"arrival": [1], "input_len": 1, "output_len": 1}',
            r"arrival in line 1 of .*, got \[1\]",
        ),
        (
            '{"arrival": 1' + "0" * 400 + ', "input_len": 1, "output_len": 1}',
            "arrival in line 1 of .*, got 1000",
        ),
        (
            '{"arrival": 1, "input_len": 1, "output_len": 1}\n'
            '{"arrival": "1", "input_len": 1, "output_len": 1}',
            "arrival in line 2 of .*, got '1'",
        ),
    ],
)
def test_a_bad_trace_is_named_by_file_line_and_column(
    tmp_path: Path, text: str, message: str
) -> None:
    path = write(tmp_path, text)
    with pytest.raises(ValueError, match=message) as error:
        read(path)
    assert str(path) in str(error.value)


@pytest.mark.parametrize(
    "text",
    [
        *(
            "2023-02-29 00:00:00",
            "2023-13-01 00:00:00",
            "2023-00-01 00:00:00",
            "1899-12-31 00:00:00",
        ),
        *("2023-01-01 24:00:00", "2023-01-01 00:60:00", "2023-01-01 00:00:60", "2023-01-01 00"),
        *("2023-01-01", "2023-01-01 00:00:00.5x", "2023-01-01 00:00:00+24:00", "now", "NaT", ""),
        *("2023-01-01 00:00:00+01:00:00", "2023-01-01 00:00:00Zulu", "2023-1-01 00:00:00"),
    ],
)
def test_a_date_that_does_not_exist_is_named_among_many(tmp_path: Path, text: str) -> None:
    # numpy 2.4 crashes here: its cast of more than 500 texts to dates raises without the GIL.
    path = write(tmp_path, AZURE + "2024-02-29 23:59:59,1,1\n" * 2000 + f"{text},1,1\n")
    with pytest.raises(
        ValueError, match=f"TIMESTAMP in line 2002 of .*, got {re.escape(repr(text))}"
    ):
        read(path)


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"cannot read .*nowhere"):
        read(tmp_path / "nowhere")
    with pytest.raises(ValueError, match="cannot read"):
        read(tmp_path)
    path = tmp_path / "binary"
    for content in (b"\xff\xfe\x00\xd8\x00", AZURE.encode() + b"1,2,3\n\xff,4,5\n"):
        path.write_bytes(content)
        with pytest.raises(ValueError, match=r"cannot read .*binary"):
            read(path)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"rows": 0}, "rows must be at least 1, got 0"),
        ({"time_unit": 0.0}, "time_unit must be finite and above 0, got 0"),
    ],
)
def test_bad_options_are_named(tmp_path: Path, options: dict[str, int], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        read(write(tmp_path, AZURE + "1,2,3\n"), **options)  # type: ignore[arg-type]


zones = st.sampled_from(
    [None, UTC, timezone(timedelta(hours=5, minutes=30)), timezone(timedelta(hours=-8))]
)
moments = st.datetimes(datetime(1900, 1, 1), datetime(2099, 12, 31), timezones=zones)  # type: ignore[arg-type]


@given(st.lists(moments, min_size=1, max_size=20), st.sampled_from(" T"), st.booleans())
def test_any_date_is_read_as_by_the_standard_library(
    tmp_path_factory: pytest.TempPathFactory, given: list[datetime], between: str, z: bool
) -> None:
    texts = [moment.isoformat(between) for moment in given]
    if z:
        texts = [text.replace("+00:00", "Z") for text in texts]
    path = tmp_path_factory.mktemp("dates") / "trace.csv"
    path.write_text(AZURE + "".join(f"{text},{i},1\n" for i, text in enumerate(texts)))
    trace = read(path)
    utc = [moment.replace(tzinfo=moment.tzinfo or UTC) for moment in given]
    expected = sorted(((t - min(utc)).total_seconds(), i) for i, t in enumerate(utc))
    assert trace.arrivals is not None
    assert trace.prompt_tokens.tolist() == [i for _, i in expected]
    assert trace.arrivals == pytest.approx([t for t, _ in expected], rel=1e-15, abs=1e-9)


DATE = "2023-11-16 18:15:46.5+01:00"


@given(st.integers(0, len(DATE)), st.text("0123456789-+:.TZ \x00e", max_size=3), st.integers(0, 3))
def test_a_damaged_date_is_named_or_read_by_the_standard_library_too(
    tmp_path_factory: pytest.TempPathFactory, at: int, inserted: str, removed: int
) -> None:
    text = DATE[:at] + inserted + DATE[at + removed :]
    path = tmp_path_factory.mktemp("damaged") / "trace.csv"
    path.write_text(AZURE + f"{DATE},1,1\n{text},2,1\n")
    got = outcome(path)
    if isinstance(got, str):
        assert "TIMESTAMP in line 3 of " in got
        return
    there = datetime.fromisoformat(re.sub(r"\.(?!\d)", "", text.rstrip("\x00")))
    gap = there.replace(tzinfo=there.tzinfo or UTC) - datetime.fromisoformat(DATE)
    assert got[0] == pytest.approx([0, abs(gap.total_seconds())], abs=1e-6)


fields = st.sampled_from(
    [
        "1",
        "0",
        "+7",
        " 12 ",
        "-1",
        "",
        "x",
        '"3"',
        "1.0",
        "2e3",
        "0.5",
        "-0",
        ".",
        "nan",
        "4294967295",
        "4294967296",
        "9" * 25,
    ]
)
records = st.lists(st.tuples(fields, fields, fields), max_size=6)


@given(records, st.sampled_from(["\n", "\r\n", "\n\n"]), st.sampled_from([None, 1, 3]))
@example([("1", "1", "1"), ("1", "1", "-1")], "\n", None)
def test_the_fast_way_is_the_exact_one(
    tmp_path_factory: pytest.TempPathFactory,
    records: list[tuple[str, str, str]],
    newline: str,
    rows: int | None,
) -> None:
    path = tmp_path_factory.mktemp("ways") / "trace.csv"
    path.write_text(AZURE + newline.join(map(",".join, records)), newline="")
    file = CsvFile(Text(path), times=True, chosen={})
    fast = file.fast(rows)
    try:
        exact = file.exact(rows)
    except ValueError:
        assert fast is None or not fast.good
        return
    if fast is None:  # Its warnings were made errors by another thread.
        return
    if not fast.good:  # `read` takes the exact way then, which leaves rows of -1 out.
        assert not records or any("-1" in record for record in records)
        return
    assert exact.good
    for name in file.columns.counted:
        assert fast.counts[name].tolist() == exact.counts[name].tolist()
    assert seconds_of(fast) == seconds_of(exact)


def seconds_of(raw: Raw) -> list[float]:
    assert raw.moments is not None
    return list(raw.moments.seconds(1.0))


def outcome(path: Path) -> list[list[float] | None] | str:
    try:
        return lists(read(path))
    except ValueError as error:
        return str(error)


@pytest.mark.parametrize("form", ["azure", "burstgpt", "jsonl"])
def test_a_late_mistake_is_named(tmp_path: Path, form: str) -> None:
    header, row = {
        "azure": (AZURE, "2023-11-16 18:15:46.6805900,374,44\n"),
        "burstgpt": (BURST, "118,GPT-4,417,276,693,Conversation log\n"),
        "jsonl": ("", '{"timestamp": 4.25, "input_length": 374, "output_length": 44}\n'),
    }[form]
    n = 100_000
    path = write(tmp_path, header + row * n)
    assert len(read(path)) == n
    with path.open("a") as file:
        file.write(row.replace("4", "4x"))
    with pytest.raises(ValueError, match=f"line {n + bool(header) + 1}"):
        read(path)


@pytest.mark.skipif(not REAL.exists(), reason="the real trace is not here")
def test_the_real_trace() -> None:
    trace = read(REAL)
    assert (len(trace), trace.dropped) == (19_366, 0)
    assert (int(np.median(trace.output_tokens)), int(trace.output_tokens.max())) == (129, 1000)
    assert trace.output_tokens.mean() == pytest.approx(211, abs=0.5)
    assert trace.arrivals is not None
    assert trace.arrivals[:2].tolist() == [0.0, 4.314579]
    assert trace.arrivals[-1] == pytest.approx(3501.721937, abs=1e-9)
