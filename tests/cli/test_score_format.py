"""`multibin score --format`: the names that it lists, and formats of one's own."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from multibin.cli import main
from multibin.cli._formats import NAMES, read_format

pytest.importorskip("torch", reason="the command needs the extra `llm`")

from multibin.reward._formats._registry import FORMATS

OWN = """
from multibin.reward import Format, Mark


def build(tokenizer, question, steps):
    return [question, *(piece for step in steps for piece in (step, Mark("?")))]


mine = Format("mine", build, labels=("n", "y"))
"""


def test_a_format_of_ones_own(monkeypatch: pytest.MonkeyPatch) -> None:
    Path("own_format.py").write_text(OWN)
    Path("needs.py").write_text("import own_format, nowhere_to_be_found")
    monkeypatch.syspath_prepend(os.getcwd())
    Path("in.jsonl").write_text('{"question": "1 + 1?", "steps": ["It is 2.", "So 2."]}')
    assert main(["score", "in.jsonl", "out.jsonl", "--format=own_format:mine"]) == 0
    [scores] = json.loads(Path("out.jsonl").read_text())["scores"]
    assert len(scores) == 2
    with pytest.raises(ModuleNotFoundError, match="nowhere_to_be_found"):
        read_format("needs:mine")


def test_the_help_names_all_formats() -> None:
    assert tuple(FORMATS) == NAMES


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("nowhere:mine", "a module that Python finds, such as by PYTHONPATH=., got 'nowhere:mine'"),
        ("json.nowhere:mine", "a module that Python finds"),
        (":mine", "a module that Python finds"),
        (".own:mine", "a module that Python finds"),
        ("json:decoder", "format must be MODULE:NAME of a Format in json, got 'json:decoder'"),
        ("json:", "format must be MODULE:NAME of a Format in json, got 'json:'"),
    ],
)
def test_what_is_no_format_is_refused(text: str, message: str) -> None:
    with pytest.raises((TypeError, ValueError), match=message):
        read_format(text)
