"""``multibin reproduce``: rows pass, a wrong number is seen, bad input ends with code 2."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest

import multibin.lab.paper
from multibin.cli import main
from multibin.lab.paper import Lab, Row, Section, _items, records, sections, table
from multibin.lab.traces import read

TRACE = Path(__file__).parents[3] / "../shared/data/azure_llm_2023_conv.csv"


@pytest.fixture
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """Too few requests for the simulated rows to pass."""
    monkeypatch.setattr(multibin.lab.paper, "Lab", lambda report: Lab(2_000, report))


def test_every_number_comes_out(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    # Half the requests of the command, half its time.
    monkeypatch.setattr(multibin.lab.paper, "Lab", lambda report: Lab(200_000, report))
    status = main(["reproduce"])
    out = capsys.readouterr().out
    assert "OUT OF TOLERANCE" not in out
    assert status == 0
    assert "78 numbers: all within tolerance." in out
    assert "Item 10 needs TRACE" in out


def test_the_closed_forms_do_not_depend_on_the_simulation() -> None:
    rows = [row for section in sections(Lab(2_000)) for row in section.rows]
    closed = [row for row in rows if "simulated" not in row.what and "latency" not in row.what]
    closed = [row for row in closed if "λ of the least" not in row.what]
    assert len(closed) == 52
    assert [row for row in closed if not row.ok] == []


@pytest.mark.usefixtures("hasty")
def test_a_wrong_number_makes_the_status_1(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    wrong = {**_items.ERRORS, 8: {**_items.ERRORS[8], 0.05: 9.523 * 1.01}}
    monkeypatch.setattr(_items, "ERRORS", wrong)
    assert main(["reproduce"]) == 1
    failed = [line for line in capsys.readouterr().out.splitlines() if "OUT OF" in line]
    assert [line.split("  ")[1].strip() for line in failed if "pe=" in line] == ["pe=0.05, k=8"]


@pytest.mark.parametrize(
    ("paper", "ours", "relative", "ok"),
    [
        (100.0, 100.5, True, True),
        (100.0, 100.51, True, False),
        (100.0, 99.4, True, False),
        (0.5, 0.505, False, True),
        (0.5, 0.506, False, False),
        (1.0, math.nan, True, False),
        (1.0, math.inf, True, False),
    ],
)
def test_the_tolerance(paper: float, ours: float, relative: bool, ok: bool) -> None:
    assert Row("a number", paper, ours, 0.005, relative).ok is ok


def test_what_is_not_finite_prints_in_both_forms() -> None:
    section = Section(1, "Title", "Eq. 1", [Row("a number", 1.0, math.nan, 0.005)])
    assert "OUT OF TOLERANCE" in table([section])
    assert "1. Title (Eq. 1)" in table([section])
    (record,) = records([section])
    assert (record["ours"], record["deviation"], record["ok"]) == (None, None, False)


@pytest.mark.usefixtures("hasty")
def test_json_is_valid_and_alone_on_stdout(capsys: pytest.CaptureFixture[str]) -> None:
    status = main(["reproduce", "--json"])
    captured = capsys.readouterr()
    found: dict[str, Any] = json.loads(captured.out, parse_constant=pytest.fail)
    assert (found["schema"], found["trace"]) == ("multibin.reproduce", None)
    rows = found["rows"]
    assert len(rows) == 78
    assert {row["item"] for row in rows} == {1, 2, 3, 4, 5, 6}
    assert status == int(not all(row["ok"] for row in rows))
    assert rows[0] == {
        "item": 1,
        "title": "Throughput, requests/s: B=128, l ~ U[1, 20] s, one server",
        "source": "Theorem 4.2, Proposition 4.1, Fig. 3",
        "what": "closed form, k=1",
        "paper": 6.447,
        "ours": pytest.approx(6.4475, abs=1e-4),
        "deviation": pytest.approx(7e-5, abs=1e-5),
        "tolerance": 0.005,
        "relative": True,
        "derived": False,
        "ok": True,
    }
    assert captured.err == ""


def test_item_10_on_the_real_trace() -> None:
    if not TRACE.exists():
        pytest.skip(f"needs the chat trace at {TRACE.resolve()}")
    section = _items.optimal_edges(read(TRACE, times=False))
    assert section.item == 10
    assert len(section.rows) == 11
    assert [row for row in section.rows if not row.ok] == []


@pytest.mark.usefixtures("hasty")
def test_item_10_on_another_trace_is_out_of_tolerance(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    trace = tmp_path / "trace.jsonl"
    row = '{{"prompt_tokens": 5, "output_tokens": {}}}\n'
    trace.write_text("".join(row.format(100 + i % 10) for i in range(500)))
    assert main(["reproduce", str(trace)]) == 1
    out = capsys.readouterr().out
    assert out.startswith(f"{trace}: JSON lines, 500 rows, none left out\n")
    assert "\ntimes: ignored\n" in out
    assert "10. Throughput as a fraction" in out
    assert "89 numbers:" in out


@pytest.mark.usefixtures("hasty")
def test_columns_of_the_trace_are_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    trace = tmp_path / "trace.csv"
    trace.write_text("when,in,out\n" + "".join(f"x,5,{100 + i % 10}\n" for i in range(500)))
    columns = "--columns=prompt=in,output=out,time=when"
    main(["reproduce", str(trace), columns, "--time-unit=ms", "--json"])
    found = json.loads(capsys.readouterr().out)
    assert found["trace"]["columns"] == {"prompt": "in", "output": "out"}
    assert found["trace"]["output_tokens"]["max"] == 109
    assert {row["item"] for row in found["rows"]} == {1, 2, 3, 4, 5, 6, 10}


@pytest.mark.usefixtures("hasty")
def test_the_figures(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("matplotlib", reason="figures need the extra `plot`")
    main(["reproduce", "--json", f"--plot={tmp_path / 'new'}"])
    names = sorted(path.name for path in (tmp_path / "new").iterdir())
    assert names == [f"figure-{n}.png" for n in (3, 4, 6, 8, 9)]
    captured = capsys.readouterr()
    json.loads(captured.out)
    assert "figure-9.png" in captured.err
    main(["reproduce", f"--plot={tmp_path / 'all.svg'}"])
    assert "<svg" in (tmp_path / "all.svg").read_text()


@pytest.mark.parametrize(
    ("argument", "message"),
    [
        ("nowhere.csv", "cannot read the trace nowhere.csv"),
        ("--columns=output=x", "columns must be left out without TRACE, got 'output=x'"),
        ("--time-unit=ms", "time_unit must be left out without TRACE, got 'ms'"),
        (
            "--plot=nowhere/folder",
            "plot must be a folder that can be written, got 'nowhere/folder'",
        ),
        ("--plot=nowhere/x.png", "plot must be a file that can be written, got 'nowhere/x.png'"),
        ("--plot=x.xyz", "plot must be a name in .png, .pdf, .svg, got 'x.xyz'"),
    ],
)
def test_bad_arguments_end_in_one_line(
    argument: str, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["reproduce", argument]) == 2
    captured = capsys.readouterr()
    assert message in captured.err
    assert captured.err.startswith("multibin reproduce: error: ")
    assert len(captured.err.splitlines()) == 1
    assert not captured.out
