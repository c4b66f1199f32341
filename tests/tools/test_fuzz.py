"""The fuzzer finds what it must, and readers refuse the files that it found."""

from __future__ import annotations

import json
import os
import random
import time
from functools import partial
from pathlib import Path

import pytest

pytest.importorskip("torch", reason="readers of the engine's jobs need the extra `llm`")

from tools.fuzz import hunt
from tools.fuzz.change import change
from tools.fuzz.hunt import Failure, Hunt, Slow, attempt, smaller
from tools.fuzz.reach import reached
from tools.fuzz.seeds import seeds
from tools.fuzz.targets import TARGETS, Target

NESTED = b"[" * 3000
FOUND = [
    ("costs", NESTED),
    ("cost-table", NESTED),
    ("cost-model", NESTED),
    ("answers", NESTED + b"\n"),
    ("adapter", NESTED),
    ("prm-bench", NESTED),
    ("process-bench", NESTED),
]
"""Files that failed once."""


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))


def reports(name: str, data: bytes) -> str | None:
    failure = attempt(TARGETS[name], data)
    return None if failure is None else repr(failure.error)


@pytest.mark.parametrize(("name", "data"), FOUND)
def test_what_failed_once_is_refused(name: str, data: bytes) -> None:
    assert reports(name, data) is None


@pytest.mark.parametrize("name", TARGETS)
def test_files_to_begin_with_do_not_fail(name: str) -> None:
    known = TARGETS[name].seeds()
    assert known
    for data in random.Random(0).sample(known, min(5, len(known))):
        assert reports(name, data) is None, data


def test_the_texts_and_the_plain_data_of_tests_are_seeds(tmp_path: Path) -> None:
    file = tmp_path / "test_it.py"
    file.write_text('A, B, C = "text", {"a": [1, None]}, [print]\n')
    assert seeds(os.fspath(file)) == [b"[1, null]", b"a", b"text", b'{"a": [1, null]}']


def buggy(data: bytes) -> None:
    record = json.loads(data)
    if isinstance(record, dict) and isinstance(record.get("count"), int) and record["count"] < 0:
        raise ZeroDivisionError


def test_a_failure_is_found_and_made_smaller() -> None:
    target = Target(buggy, (ValueError, RecursionError), lambda: [b'{"other": [1], "count": 7}'])
    failure = Hunt(target, random.Random(1)).run(60)
    assert failure
    assert isinstance(failure.error, ZeroDivisionError)
    less = smaller(target, Failure(b" " * 99 + failure.data, failure.error))
    assert len(less.data) <= len(failure.data)
    with pytest.raises(ZeroDivisionError):
        buggy(less.data)


def test_a_file_is_kept_if_it_reaches_a_new_step() -> None:
    run = Hunt(TARGETS["question"], random.Random(0))
    for data in (b"{", b"[", b'{"question": 1}', b'{"question": 1, "steps": []}'):
        run._try(data)
    assert run.known == [b"{", b'{"question": 1}', b'{"question": 1, "steps": []}']


def test_steps_are_those_of_the_package() -> None:
    steps = reached(partial(attempt, TARGETS["question"], b"{"))
    assert {Path(file).name for file, _, _ in steps} == {"lines.py"}


def test_what_takes_too_long_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hunt, "PATIENCE", 0.05)
    failure = attempt(Target(lambda _: time.sleep(9), (ValueError,), list), b"")
    assert failure
    assert isinstance(failure.error, Slow)


def test_a_seed_decides_what_is_tried() -> None:
    known = [b'{"a": [1, 2], "b": "text"}', b"a,b\n1,2\n"]
    first, again, other = (
        [change(known, rng) for _ in range(50)] for rng in map(random.Random, (1, 1, 2))
    )
    assert first == again != other
    assert len(set(first)) > 40
