"""The examples of the laboratory and of a cache of one's own print what they promise."""

from __future__ import annotations

from pathlib import Path

import pytest

import multibin as mb
from examples import climb_own_cache, plan_csv, simulate_csv
from examples._small.decoder import Text


def run(
    example: object,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    *arguments: str,
) -> list[str]:
    """Returns the lines that an example prints."""
    monkeypatch.setattr("sys.argv", ["example", *arguments])
    example.main()  # type: ignore[attr-defined]
    return capsys.readouterr().out.splitlines()


def test_bins_answer_sooner_than_one(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = run(simulate_csv, capsys, monkeypatch)
    assert "4,000 rows, none left out" in lines[0]
    one, known, climb = (float(line[28:].split(" s")[0]) for line in lines[-3:])
    assert climb < known < one
    assert lines[-1].startswith("8 bins, requests climb")


def test_a_file_of_ones_own_is_played(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    path = tmp_path / "own.csv"
    path.write_text("arrival,prompt_tokens,output_tokens\n" + "0,1,5\n1,2,9\n" * 20)
    lines = run(simulate_csv, capsys, monkeypatch, str(path))
    assert lines[0].startswith(f"{path}: CSV, 40 rows")
    assert len(lines[-3:]) == 3


def test_a_plan_is_a_scheduler_and_a_reason(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    *policies, scheduler, reason = run(plan_csv, capsys, monkeypatch)
    assert [line.split(",")[0] for line in policies] == [
        "fifo",
        "strict",
        "elastic",
        "climb",
        "climb-predicted",
    ]
    assert scheduler.startswith("mb.Scheduler(mb.Edges([")
    assert eval(scheduler, {"mb": mb}).config.overrun == "climb"
    assert reason.startswith("Climbing pays: ")


def test_texts_that_climb_with_their_caches_are_those_written_alone() -> None:
    climbed, fewer, found = climb_own_cache.serve(64, "climb")
    alone = [Text(first=key) for key in range(64)]
    for text in alone:
        climb_own_cache.run([text], 64)
    assert [text.written for text in climbed] == [text.written for text in alone]
    lengths = [len(text.written) for text in alone]
    assert min(lengths) < 8
    assert max(lengths) == 64
    _, steps, none_found = climb_own_cache.serve(64, "finish")
    assert fewer < 0.8 * steps
    assert found > 0 == none_found


def test_the_program_says_what_climbing_saves(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = run(climb_own_cache, capsys, monkeypatch)
    assert lines[0] == "the texts are equal: True"
    steps, fewer = (int(part.split()[0]) for part in lines[1].split(", "))
    assert fewer < steps
