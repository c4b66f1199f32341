"""Times: which unit they count in and why, and which dates are read."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from multibin.lab.traces import Trace, read

EPOCH = 1_733_049_045


def rows(tmp_path: Path, name: str, *times: object) -> Path:
    path = tmp_path / "trace.csv"
    path.write_text(f"{name};isl;osl\n" + "".join(f"{time};1;2\n" for time in times))
    return path


def gaps(trace: Trace) -> list[float]:
    assert trace.arrivals is not None
    return list(trace.arrivals)


def unit(trace: Trace) -> str | None:
    assert trace.source is not None
    return trace.source.time_unit


@pytest.mark.parametrize(
    ("name", "factor", "words"),
    [
        ("arrival_time_ms", 1e3, "milliseconds, by the name"),
        ("arrivalTimeMs", 1e3, "milliseconds, by the name"),
        ("start_time (us)", 1e6, "microseconds, by the name"),
        ("request_start_ns", 1e9, "nanoseconds, by the name"),
        ("start_time_unix_nano", 1e9, "nanoseconds, by the name"),
        ("startTimeUnixNano", 1e9, "nanoseconds, by the name"),
        ("Timestamp [ms]", 1e3, "milliseconds, by the name"),
        ("arrival_seconds", 1, "seconds, by the name"),
        ("timestamp", 1, "seconds, assumed (--time-unit ms, us or ns if they are not)"),
        ("times", 1, "seconds, assumed"),
    ],
)
def test_a_name_may_say_the_unit(tmp_path: Path, name: str, factor: float, words: str) -> None:
    trace = read(rows(tmp_path, name, 0, int(factor), int(3 * factor)))
    assert gaps(trace) == pytest.approx([0, 1, 3])
    assert str(unit(trace)).startswith(words)


@pytest.mark.parametrize(
    ("factor", "word"),
    [(1, "seconds"), (10**3, "milliseconds"), (10**6, "microseconds"), (10**9, "nanoseconds")],
)
def test_times_since_1970_have_their_unit_in_their_digits(
    tmp_path: Path, factor: int, word: str
) -> None:
    trace = read(rows(tmp_path, "created_at", *(EPOCH * factor + i * factor for i in (0, 2, 5))))
    assert gaps(trace) == [0, 2, 5]
    assert unit(trace) == f"{word} since 1970, by the number of digits"
    decimals = read(rows(tmp_path, "created_at", *(f"{(EPOCH + i) * factor}.5" for i in (0, 2))))
    assert gaps(decimals) == pytest.approx([0, 2], abs=1e-6)


@pytest.mark.parametrize("times", [(10**12, 10**12 + 5), (0, EPOCH), (EPOCH * 10**3, 10**15)])
def test_other_large_numbers_are_seconds(tmp_path: Path, times: tuple[int, int]) -> None:
    assert str(unit(read(rows(tmp_path, "timestamp", *times)))).startswith("seconds, assumed")


def test_a_unit_that_is_given_counts(tmp_path: Path) -> None:
    path = rows(tmp_path, "arrival_time_ms", 0, 4)
    for given_unit, gap, words in (
        ("s", 4, "seconds, as given"),
        ("ns", 4e-9, "nanoseconds, as given"),
        (60, 240, "units of 60 s, as given"),
        ("1e-3", 4e-3, "milliseconds, as given"),
    ):
        trace = read(path, time_unit=given_unit)
        assert gaps(trace) == pytest.approx([0, gap])
        assert unit(trace) == words


def test_a_name_against_the_digits_is_not_decided(tmp_path: Path) -> None:
    path = rows(tmp_path, "created_at_s", EPOCH * 1000, EPOCH * 1000 + 1)
    with pytest.raises(
        ValueError, match=r"time_unit must be given for created_at_s .* seconds, its"
    ):
        read(path)
    assert gaps(read(path, time_unit="ms")) == pytest.approx([0, 1e-3])


def test_arrival_comes_before_start_and_created(tmp_path: Path) -> None:
    path = tmp_path / "trace.csv"
    path.write_text("created_at,start_time,arrival_time,osl\n1,50,700,5\n2,60,900,5\n")
    trace = read(path)
    assert gaps(trace) == [0, 200]
    assert trace.source is not None
    assert trace.source.notes[0] == "Times are arrival_time; start_time, created_at would fit, too."
    assert gaps(read(path, columns="time=start_time")) == [0, 10]


@pytest.mark.parametrize(
    "form",
    [
        "2024-12-01 10:30:{:02d}",
        "2024-12-01T10:30:{:02d}Z",
        "2024-12-01T10:30:{:02d}.250+01:00",
        "2024-12-01 10:30:{:02d}.123456 UTC",
        "2024-12-01 10:30:{:02d},123",
        "2024/12/01 10:30:{:02d}",
    ],
)
def test_forms_of_dates(tmp_path: Path, form: str) -> None:
    trace = read(rows(tmp_path, "created_at", *(form.format(second) for second in (5, 6, 9))))
    assert gaps(trace) == [0, 1, 4]
    assert unit(trace) is None


@pytest.mark.parametrize("zone", ["", "Z", "+01:00", " UTC"])
def test_dates_may_end_with_the_minutes(tmp_path: Path, zone: str) -> None:
    times = [f"2024-12-01 {time}{zone}" for time in ("10:30", "10:31", "11:30")]
    assert gaps(read(rows(tmp_path, "time", *times))) == [0, 60, 3600]


@given(st.lists(st.datetimes(datetime(2000, 1, 1), datetime(2030, 1, 1)), min_size=1, max_size=9))
def test_minutes_are_those_of_the_standard_library(
    tmp_path_factory: pytest.TempPathFactory, moments: list[datetime]
) -> None:
    texts = [moment.isoformat(timespec="minutes") for moment in moments]
    trace = read(rows(tmp_path_factory.mktemp("minutes"), "time", *texts))
    utc = sorted(datetime.fromisoformat(text).replace(tzinfo=UTC) for text in texts)
    assert gaps(trace) == pytest.approx([(time - utc[0]).total_seconds() for time in utc])


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("2024-12-01", "a day alone does not say when a request arrives"),
        ("03/04/2025", "a day alone does not say when"),
        ("03/04/2025 10:30:00", "a day and a month in this order are ambiguous: write yyyy-mm-dd"),
        ("3.4.2025 10:30", "ambiguous: write yyyy-mm-dd"),
        ("Dec 1, 2024 10:30:00", "write other dates so"),
        ("10:30:45", "write other dates so"),
        ("0,5", "write decimals with a point"),
        (",", "a time like that of the first row"),
        ("5 UTC", "a time like that of the first row"),
        ("2024-12-01 10:30:", "a time like that of the first row"),
        ("2024-12-01 10:30.5", "a time like that of the first row"),
        ("2024-12-01 1:30", "a time like that of the first row"),
    ],
)
def test_dates_that_are_refused(tmp_path: Path, text: str, words: str) -> None:
    for path in (rows(tmp_path, "time", text), rows(tmp_path, "time", text, text)):
        with pytest.raises(ValueError, match="time in line 2 of ") as error:
            read(path)
        assert words in str(error.value)
    trace = read(path, columns={"time": None})
    assert (len(trace), trace.arrivals) == (2, None)


@pytest.mark.parametrize("last", ["2024-12-01", "5", "2024-12-01 10:3", ""])
def test_a_date_among_others_is_named(tmp_path: Path, last: str) -> None:
    path = rows(tmp_path, "time", "2024-12-01 10:30", "2024-12-01 10:31:05", last)
    with pytest.raises(ValueError, match="time in line 4 of "):
        read(path)


@pytest.mark.parametrize(
    "name",
    [
        *("submit_ts", "issued_at", "log_time", "Timestamp (UTC)", "created_utc", "date"),
        *("request_datetime", "arrival_datetime", "TimeGenerated", "time_iso8601", "queued_at"),
    ],
)
def test_other_names_of_moments(tmp_path: Path, name: str) -> None:
    path = tmp_path / "trace.csv"
    rows = [f"2024-05-01T00:00:0{i}Z,100,{i + 1}\n" for i in range(3)]
    path.write_text(f"{name},prompt_tokens,output_tokens\n{''.join(rows)}")
    arrivals = read(path).arrivals
    assert arrivals is not None
    assert arrivals.tolist() == [0, 1, 2]


@pytest.mark.parametrize(
    "name",
    ["end_time", "finished_at", "elapsed", "queued_time", "duration_s", "timeout", "seconds"],
)
def test_names_of_no_moments(tmp_path: Path, name: str) -> None:
    path = tmp_path / "trace.csv"
    path.write_text(f"{name},prompt_tokens,output_tokens\n0,100,5\n1,100,5\n")
    assert read(path).arrivals is None


def test_units_of_counts_in_brackets(tmp_path: Path) -> None:
    path = tmp_path / "trace.csv"
    path.write_text("arrival [ms],prompt (tokens),output [tokens]\n0,100,5\n500,101,6\n")
    trace = read(path)
    assert trace.arrivals is not None
    assert (trace.arrivals.tolist(), trace.prompt_tokens.tolist()) == ([0, 0.5], [100, 101])
