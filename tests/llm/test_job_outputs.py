"""The file of a job's answers: one run at a time writes it, and a later run continues it."""

from __future__ import annotations

import importlib
import os
import threading
from pathlib import Path
from types import ModuleType

import pytest

from multibin.llm._jobs.lines import skip
from multibin.llm._jobs.output import Done, Output

ANSWERS = [b'{"line": 1, "a": 1}\n', b'{"line": 2}\n', b'{"custom_id": "x", "line": 4}\n']


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "out.jsonl"


def done(file: Path) -> Done:
    with Output(str(file)) as output:
        return output.done


def test_answers_are_counted_and_a_torn_line_is_cut_off(file: Path) -> None:
    assert done(file) == Done(0, None, 0)
    file.write_bytes(b"".join(ANSWERS) + b'{"line": 5}')
    assert done(file) == Done(4, "x", 3)
    assert file.read_bytes() == b"".join(ANSWERS)
    file.write_bytes(b'{"li')
    assert done(file) == Done(0, None, 0)
    assert file.read_bytes() == b""


def test_a_second_run_is_refused_until_the_first_has_ended(file: Path) -> None:
    pytest.importorskip("fcntl", reason="files are locked with fcntl")
    with Output(str(file)) as first:
        first.write(ANSWERS[:1])
        with pytest.raises(ValueError, match=r"out\.jsonl must .* is being written by another run"):
            done(file)
        first.write(ANSWERS[1:2])
    assert done(file).line == 2
    assert file.read_bytes() == b"".join(ANSWERS[:2])


def test_a_run_that_is_refused_or_fails_leaves_no_lock(file: Path) -> None:
    file.write_bytes(b"a text\n")
    for _ in range(2):
        with pytest.raises(ValueError, match=r"its last line is 'a text'$"):
            done(file)
    file.unlink()
    with pytest.raises(KeyError), Output(str(file)):
        raise KeyError
    assert done(file) == Done()


def test_files_without_locks_are_written(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fcntl = pytest.importorskip("fcntl")

    def refuse(*_: object) -> None:
        raise OSError("no locks")

    monkeypatch.setattr(fcntl, "flock", refuse)
    file.write_bytes(ANSWERS[0])
    assert done(file) == Done(1, None, 1)
    module: ModuleType = importlib.import_module("multibin.llm._jobs.output")
    monkeypatch.setattr(module, "fcntl", None)
    assert done(file) == Done(1, None, 1)


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ([0, 0], "got that to line 1 behind that to line 1$"),
        ([0, 1, 0, 1], "got that to line 1 behind that to line 2$"),
        ([2, 1], "got that to line 2 behind that to line 4$"),
    ],
)
def test_mixed_answers_are_refused(file: Path, lines: list[int], message: str) -> None:
    before = b"".join(ANSWERS[at] for at in lines) + b"torn"
    file.write_bytes(before)
    with pytest.raises(ValueError, match=message):
        done(file)
    assert file.read_bytes() == before


def test_another_line_among_answers_is_refused(file: Path) -> None:
    file.write_bytes(ANSWERS[0] + b'{"lines": 2}\n' + ANSWERS[2])
    with pytest.raises(ValueError, match=r"output of this command, its line 2 is '\{\"lines"):
        done(file)


@pytest.mark.parametrize(("answers", "fits"), [(2, True), (1, False), (3, False)])
def test_blank_lines_alone_have_no_answer(answers: int, fits: bool) -> None:
    numbered = enumerate([b"{}\n", b"\n", b"{}\n", b"{}\n"], 1)
    if fits:
        assert skip(numbered, Done(3, None, answers)) == 2
        return
    with pytest.raises(ValueError, match=f"got {answers} answers to 2 lines$"):
        skip(numbered, Done(3, None, answers))


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no named pipes")
def test_named_pipes_and_devices_are_written(file: Path) -> None:
    os.mkfifo(file)
    read: list[bytes] = []
    reader = threading.Thread(target=lambda: read.append(file.read_bytes()))
    reader.start()
    with Output(str(file)) as output:
        assert output.done == Done()
        output.write(ANSWERS)
    reader.join(10)
    assert read == [b"".join(ANSWERS)]
    with Output(os.devnull) as one, Output(os.devnull) as other:
        one.write(ANSWERS)
        other.write(ANSWERS)
