"""Offline jobs on a runner that echoes: a bounded window, whatever the input's size."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.llm.echo import EchoRunner

from multibin.llm import LLM, SamplingParams
from multibin.llm._jobs import Result, Settings, run_job
from multibin.llm._load.tiny import ByteTokenizer, tiny_model

WINDOW = 16
LINES = 500


@pytest.fixture
def llm(runner: EchoRunner, monkeypatch: pytest.MonkeyPatch) -> LLM:
    """An engine whose runner echoes."""
    monkeypatch.setattr(LLM, "_runner", runner.makes())
    return LLM(tiny_model(), ByteTokenizer())


def answers(file: Path) -> list[str]:
    found = [json.loads(line) for line in file.read_text().splitlines()]
    assert [one["line"] for one in found] == list(range(1, len(found) + 1))
    return [one["outputs"][0]["text"] if "outputs" in one else "failed" for one in found]


def test_the_window_bounds_what_is_read_and_not_answered(
    llm: LLM, runner: EchoRunner, tmp_path: Path
) -> None:
    file = tmp_path / "out.jsonl"
    ahead = []

    def lines() -> Iterator[bytes]:
        for number in range(LINES):
            answered = len(file.read_bytes().splitlines()) if file.exists() else 0
            ahead.append(number - answered)
            yield json.dumps({"prompt": "ab", "max_tokens": 1 + number % 7}).encode()

    result = Result()
    run_job(llm, lines(), str(file), Settings(WINDOW), result)
    assert max(ahead) <= WINDOW
    assert runner.most <= WINDOW
    assert answers(file) == [("ab" * 4)[: 1 + number % 7] for number in range(LINES)]
    assert (result.answered, result.failed) == (LINES, 0)


def test_a_request_that_fails_is_answered_with_its_error(
    llm: LLM, runner: EchoRunner, tmp_path: Path
) -> None:
    runner.broken = {3, 40}
    file, result = tmp_path / "out.jsonl", Result()
    lines = iter([b'{"prompt": "ab", "max_tokens": 2}'] * 50)
    run_job(llm, lines, str(file), Settings(WINDOW), result)
    found = answers(file)
    assert [number for number, text in enumerate(found) if text == "failed"] == [3, 40]
    assert result.first_failure == "line 4: request 3 is broken"


def test_the_job_ends_at_a_request_that_fails_if_it_should(
    llm: LLM, runner: EchoRunner, tmp_path: Path
) -> None:
    runner.broken = {20}
    file = tmp_path / "out.jsonl"
    lines = iter([b'{"prompt": "ab", "max_tokens": 2}'] * 50)
    with pytest.raises(ValueError, match=r"^line 21: request 20 is broken$"):
        run_job(llm, lines, str(file), Settings(WINDOW, stops=True), Result())
    assert answers(file) == ["ab"] * 20
    assert not runner.unfinished


def test_defaults_are_those_of_lines_that_set_none(llm: LLM, tmp_path: Path) -> None:
    file = tmp_path / "out.jsonl"
    lines = iter([b'{"prompt": "ab"}', b'{"prompt": "ab", "max_tokens": 2}'])
    settings = Settings(WINDOW, defaults=SamplingParams(max_tokens=5))
    run_job(llm, lines, str(file), settings, Result())
    assert answers(file) == ["ababa", "ab"]
