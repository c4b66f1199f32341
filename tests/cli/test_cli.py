"""The command line: the demo runs, and bad input ends in one clear line and exit code 2."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import pytest

from multibin.cli import main

pytest.importorskip("torch", reason="the demo needs the extra `llm`")

SMALL = ["--requests=24", "--bins=3", "--batch-size=4", "--repeats=1"]
HEADER = "TIMESTAMP,ContextTokens,GeneratedTokens\n"


@pytest.fixture(autouse=True)
def _in_an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def trace(rows: int) -> str:
    lines = [f"2023-11-16 18:15:46.68,{20 + i % 7},{1 + i * 13 % 40}" for i in range(rows)]
    Path("trace.csv").write_text(HEADER + "\n".join(lines))
    return "trace.csv"


def efficiencies(out: str) -> list[float]:
    rows = [line for line in out.splitlines() if line.endswith(" s") and " x)" in line]
    assert len(rows) == 6
    return [float(row.split("x)")[1].split()[0]) for row in rows]


def test_the_demo_runs(capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("matplotlib", reason="the picture needs the extra `plot`")
    assert main(["demo", *SMALL]) == 0
    out = capsys.readouterr().out
    assert "24 requests, all present at the start" in out
    fifo, *others = efficiencies(out)
    assert all(0 < fifo < other <= 1 for other in others)
    assert Path("demo.png").read_bytes().startswith(b"\x89PNG")


def test_the_demo_reads_a_trace(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["demo", trace(60), *SMALL, "--plot=other.png"]) == 0
    out = capsys.readouterr().out
    assert out.startswith("trace.csv: CSV, Azure LLM inference, 60 rows, none left out\n")
    assert out.index("\ntimes: ignored\n") < out.index("24 requests, all present")
    assert "trace.csv, timestamps ignored, tokens × 1" in out
    assert "3 and 3 bins (true lengths, climbing) fitted on 36 other requests" in out
    assert Path("other.png").exists()


def test_the_demo_reads_the_columns_that_are_named(capsys: pytest.CaptureFixture[str]) -> None:
    rows = "".join(f"later,{100 + i},{20 + i % 30}\n" for i in range(5000))
    Path("odd.csv").write_text("when,in,out\n" + rows)
    columns = ["--columns=time=when,prompt=in,output=out", "--time-unit=ms"]
    assert main(["demo", "odd.csv", *columns, *SMALL]) == 0
    out = capsys.readouterr().out
    assert "\ncolumns: prompt = in, output = out\ntimes: ignored\n" in out
    assert "\nAt most 4,024 rows were read.\n\n24 requests, " in out


def lengths(rows: list[tuple[int, int]]) -> str:
    time = "2023-11-16 18:15:46.68"
    Path("trace.csv").write_text(HEADER + "".join(f"{time},{p},{o}\n" for p, o in rows))
    return "trace.csv"


def test_long_requests_are_scaled_to_the_context(capsys: pytest.CaptureFixture[str]) -> None:
    # The longest of those that run counts.
    rows = [(100, 9000), *[(100, 20)] * 23, *[(100, 8000)] * 20, (100, 9500)]
    assert main(["demo", lengths(rows), *SMALL]) == 0
    out = capsys.readouterr().out
    assert "timestamps ignored, tokens × 0.1125" in out
    assert "requests left out" not in out


def test_a_giant_request_is_left_out_and_scales_nothing(
    capsys: pytest.CaptureFixture[str],
) -> None:
    usual = [(100 + i, 20 + i % 30) for i in range(60)]
    giants = [(120_000, 20), (50, 90_000)]
    assert main(["demo", lengths([usual[0], giants[0], *usual[1:], giants[1]]), *SMALL]) == 0
    out = capsys.readouterr().out
    assert "2 of 62 requests left out (too long: over 1,024 tokens), tokens × 1\n" in out
    assert "24 requests, all present at the start" in out
    mean = sum(output for _, output in usual[:24]) / 24
    assert f"output tokens: mean {mean:.1f}, longest 43;" in out


@pytest.mark.parametrize("module", ["multibin", "multibin.cli"])
def test_the_modules_run_as_the_command(module: str) -> None:
    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", module, *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=False)

    shown = run("--version")
    assert (shown.returncode, shown.stdout.split()[0]) == (0, "multibin")
    failed = run("simulate", "no-such-file.csv")
    assert failed.returncode == 2
    assert failed.stderr.startswith("multibin simulate: error: ")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--requests=0"], "requests must be at least 1, got 0"),
        (["--bins=-1"], "bins must be at least 1, got -1"),
        (["--batch-size=0"], "batch_size must be at least 1, got 0"),
        (["--repeats=0"], "repeats must"),
        (["--threads=0"], "threads must"),
        (["--width=0"], "width must"),
        (["nowhere.csv"], "cannot read the trace nowhere.csv"),
        (["--columns=output=x"], "columns must be left out without TRACE, got 'output=x'"),
        (["--chat", "--time-unit=ms"], "time_unit must be left out without TRACE, got 'ms'"),
        (["--model=./nowhere"], "nowhere"),
        (["--plot=nowhere/x.png"], "plot must be a file that can be written, got 'nowhere/x.png'"),
        (["--plot=x.xyz"], "plot must be a name in .png, .pdf, .svg, got 'x.xyz'"),
        (["--plot="], "plot must be a name in .png, .pdf, .svg, got '.'"),
    ],
)
def test_bad_arguments_end_in_one_line(
    arguments: list[str], message: str, refused: Callable[[list[str], str], None]
) -> None:
    refused(["demo", *arguments], message)


def test_a_short_trace_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["demo", trace(24), *SMALL]) == 2
    assert "24 rows, but the edges need some after 24" in capsys.readouterr().err


@pytest.mark.parametrize("arguments", [[], ["nonsense"], ["demo", "--requests=many"]])
def test_argparse_refuses_with_the_same_code(arguments: list[str]) -> None:
    with pytest.raises(SystemExit) as exit_:
        main(arguments)
    assert exit_.value.code == 2


def test_an_option_has_one_name(capsys: pytest.CaptureFixture[str]) -> None:
    """An abbreviation could name another option in another version."""
    with pytest.raises(SystemExit):
        main(["plan", "trace.csv", "--batch-size=8"])
    assert "unrecognized arguments: --batch-size=8" in capsys.readouterr().err


@pytest.mark.parametrize("command", ["calibrate", "demo", "plan", "reproduce", "simulate"])
def test_help_texts_begin_with_a_capital(
    command: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "500")
    with pytest.raises(SystemExit):
        main([command, "--help"])
    lines = [line.strip() for line in capsys.readouterr().out.splitlines()]
    options = [(line, after) for line, after in pairwise(lines) if line.startswith("--")]
    # The text of a long option is in the line after it.
    texts = [line.partition("  ")[2].strip() or after for line, after in options]
    assert texts
    assert [text for text in texts if not text[:1].isupper()] == []


def test_the_version_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--version"])
    assert capsys.readouterr().out.startswith("multibin 0.")
