"""The code of docs/guides/reward.md runs as it stands."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("torch", reason="reward models need the extra `llm`")

from tests.reward.formats import vocabularies
from tests.reward.load.tiny import build
from transformers import AutoModelForCausalLM, LlamaConfig

from multibin.reward._formats._registry import FORMATS
from multibin.reward._job.lines import parse

GUIDE = (Path(__file__).parents[2] / "docs/guides/reward.md").read_text()


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", GUIDE, re.DOTALL)


def test_its_code_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    tokenizer = vocabularies.byte_level()
    sizes = {"vocab_size": len(tokenizer), "max_position_embeddings": 512}
    build(AutoModelForCausalLM, LlamaConfig, **sizes).save_pretrained("path/or/hub-id")
    tokenizer.save_pretrained("path/or/hub-id")
    space: dict[str, Any] = {}
    for block in blocks("python"):
        exec(block, space)
    assert space["one"].shape == (2,)
    assert space["other"].shape == (1,)
    assert space["scores"].shape == (3,)
    assert [[len(steps) for steps in several] for several in space["found"]] == [[1]] * 8
    assert space["choice"].answer in ("2", "3")
    assert space["stats"]["computed_tokens"] < space["stats"]["tokens"]
    assert space["stats"]["way"] == "packed"
    printed = [tuple(map(int, line.split())) for line in capsys.readouterr().out.splitlines()]
    assert [steps for steps, _ in printed] == [1, 2, 3]
    # The first call reads the question too.
    assert printed[0][1] > printed[1][1]
    assert printed[0][1] > printed[2][1]


def test_its_lines_are_read() -> None:
    [block] = blocks("json")
    tasks = [parse(line.encode()) for line in block.splitlines()]
    assert [len(task.candidates) for task in tasks] == [2, 1, 1, 1]


def test_its_table_has_all_formats() -> None:
    assert set(re.findall(r'`"([\w-]+)"`', GUIDE.partition("## How")[0])) >= set(FORMATS)
