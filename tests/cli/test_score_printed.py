"""`multibin score` without a file of scores prints them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from multibin.cli import main

pytest.importorskip("torch", reason="the command needs the extra `llm`")


def test_without_an_output_the_scores_are_printed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lines, written = tmp_path / "in.jsonl", tmp_path / "out.jsonl"
    lines.write_text(json.dumps({"question": "1 + 1?", "candidates": ["2", ["3", "So 3."]]}))
    assert main(["score", str(lines)]) == 0
    printed = capsys.readouterr().out
    assert [len(steps) for steps in json.loads(printed)["scores"]] == [1, 2]
    assert main(["score", str(lines), str(written)]) == 0
    assert written.read_text() == printed
