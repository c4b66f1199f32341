"""What docs/guides/reward.md says of files and formats is true."""

from __future__ import annotations

import re

import pytest

pytest.importorskip("torch", reason="reward models need the extra `llm`")

from tests.docs.pages import ROOT, Page

from multibin.reward._formats._registry import FORMATS
from multibin.reward._job.lines import parse

GUIDE = ROOT / "docs/guides/reward.md"


def test_its_lines_are_read() -> None:
    [block] = [block for block in Page.read(GUIDE).blocks if block.language == "json"]
    tasks = [parse(line.encode()) for line in block.code.splitlines()]
    assert [len(task.candidates) for task in tasks] == [2, 1, 1, 1]


def test_its_table_has_all_formats() -> None:
    text = GUIDE.read_text(encoding="utf-8").partition("## How")[0]
    assert set(re.findall(r'`"([\w-]+)"`', text)) >= set(FORMATS)
