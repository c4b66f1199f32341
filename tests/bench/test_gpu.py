"""The parts of `benches.gpu`, and a whole run without a GPU."""

from __future__ import annotations

import doctest
import json
import os
import subprocess
import sys
import zipfile
from importlib import import_module
from pathlib import Path
from types import ModuleType

import pytest
from benches.engine.contest import NAMES
from benches.gpu.__main__ import ROOT, parser, place, steps
from benches.gpu.journal import Journal
from benches.gpu.modes import ORDER
from benches.gpu.no_hypothesis import install
from benches.gpu.page import page
from benches.gpu.steps import Step, run
from benches.gpu.wheel import unpack

RUN = {"kind": "run", "model": "m", "outcome": "passed", "seconds": 2.0, "passes": 4, "tokens": 6}


@pytest.mark.parametrize("name", ["page", "plugin"])
def test_doctests(name: str) -> None:
    failed, tried = doctest.testmod(import_module(f"benches.gpu.{name}"))
    assert tried
    assert not failed


def python(code: str, limit: float = 60, again: int | None = None) -> Step:
    return Step("step", [sys.executable, "-c", code], limit, again)


def test_a_step_that_fails_keeps_its_last_lines(capfd: pytest.CaptureFixture[str]) -> None:
    outcome = run(python("print('why'); raise SystemExit(1)"), 60, os.environ)
    assert (outcome.outcome, outcome.tail) == ("failed", ["why"])
    assert capfd.readouterr().out == "why\n"


def test_a_step_ends_at_its_limit_with_its_children() -> None:
    code = "import subprocess; print(1, flush=True); subprocess.run(['sleep', '100'])"
    outcome = run(python(code), 2, os.environ)
    assert (outcome.outcome, outcome.tail) == ("out of time", ["1"])
    assert outcome.seconds < 50


def test_a_step_runs_again_where_it_asks_for_it(tmp_path: Path) -> None:
    code = f"import os; os.makedirs({str(tmp_path / 'once')!r}); raise SystemExit(3)"
    outcome = run(python(code, again=3), 60, os.environ)
    assert outcome.outcome == "failed"
    assert "FileExistsError" in outcome.tail[-1]
    assert run(python("raise SystemExit(3)"), 60, os.environ).outcome == "failed"


def test_the_page_is_there_after_each_record(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "a.jsonl")
    journal.add("setting", machine="a machine", date="a day")
    journal.add("step", step="x", outcome="begun", limit=5.0)
    assert "| x | begun | – | 5 |" in (tmp_path / "a.md").read_text()
    journal.add("step", step="x", outcome="failed", limit=5.0, seconds=1.5, tail=["why"])
    text = (tmp_path / "a.md").read_text()
    assert text.startswith("# a machine, a day\n")
    assert "| x | failed | 1.5 | 5 |" in text
    assert "```text\nwhy\n```" in text


def test_a_record_that_was_cut_short_is_left_out(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "a.jsonl")
    journal.add("rate", name="copy", value=1.0, unit="GB/s")
    with journal.path.open("a") as file:
        file.write('{"kind": "ra')
    assert [record["name"] for record in journal.read()] == ["copy"]


def test_runs_are_compared_and_what_did_not_end_is_named() -> None:
    runs = [
        RUN | {"contestant": "generate-sorted", "tokens/s": 3.0},
        RUN | {"contestant": "climb", "tokens/s": 6.0, "same text": 0.5, "workload": "these"},
        RUN | {"contestant": "fifo", "outcome": "begun"},
        RUN | {"contestant": "generate", "outcome": "failed", "why": "because\nof"},
    ]
    text = page(runs)
    assert "## m\n\nthese\n" in text
    assert "| climb | 6 | 6 | 2.00 | 2.00 | 4 | 500.00 | 50.0% |" in text
    assert "| generate-sorted | 6 | 3 | 1.00 | 2.00 | 4 | 500.00 | – |" in text
    assert "`fifo` did not end." in text
    assert "`generate` failed: because\n" in text


def test_outcomes_of_tests_are_counted() -> None:
    tests = [
        {"kind": "test", "step": "s", "test": f"t{i}", "outcome": outcome, "why": "why"}
        for i, outcome in enumerate(["passed", "failed", "skipped", "skipped"])
    ]
    text = page(tests)
    assert "| s | 1 | 1 | 2 |" in text
    assert "- `t1`: why" in text
    assert text.count("- why (`t") == 1


def test_no_run_overwrites_another(tmp_path: Path) -> None:
    first = place(tmp_path, "NVIDIA H200 (a)")
    assert first.name.startswith("gpu-nvidia-h200-a-")
    first.touch()
    assert place(tmp_path, "NVIDIA H200 (a)").name == f"{first.stem}-2.jsonl"


def test_one_wheel_is_unpacked(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"must hold one wheel of multibin, got 0"):
        unpack(tmp_path, tmp_path)
    with zipfile.ZipFile(tmp_path / "multibin-1-cp311-abi3-any.whl", "w") as archive:
        archive.writestr("multibin/__init__.py", "")
    assert (unpack(tmp_path, tmp_path / "out") / "multibin/__init__.py").exists()


def test_without_hypothesis_properties_are_skipped() -> None:
    modules: dict[str, ModuleType] = {}
    install(modules)
    assert {"hypothesis", "hypothesis.strategies", "hypothesis.stateful"} <= modules.keys()
    given = vars(modules["hypothesis"])["given"]
    strategies = modules["hypothesis.strategies"]

    def test(_: int) -> None: ...

    numbers = strategies.lists(strategies.integers() | strategies.none()).map(len)
    (mark,) = given(numbers)(test).pytestmark
    assert (mark.name, mark.kwargs) == ("skip", {"reason": "hypothesis is missing"})


def test_contestants_and_steps_are_complete(tmp_path: Path) -> None:
    assert {*ORDER} == {*NAMES}
    names = [step.name for step in steps(parser().parse_args([]), tmp_path)]
    assert names[:3] == ["machine", "kernels", "engine"]
    assert names[-1] == "engine without the GPU"
    assert (ROOT / "pyproject.toml").exists()


def test_a_whole_run_without_a_gpu(tmp_path: Path) -> None:
    small = ["--requests=6", "--batch-size=4", "--longest=8", "--models", "llama-768x8"]
    command = ["-m", "benches.gpu", "--tiny", "--device=cpu", f"--results={tmp_path}", *small]
    paths = os.pathsep.join([str(ROOT), str(ROOT / "python"), os.environ.get("PYTHONPATH", "")])
    result = subprocess.run(
        [sys.executable, *command],
        env=os.environ | {"PYTHONPATH": paths, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stdout + result.stderr
    (journal,) = tmp_path.glob("*.jsonl")
    records = [json.loads(line) for line in journal.read_text().splitlines()]
    ended = {r["step"]: r["outcome"] for r in records if r["kind"] == "step"}
    steps = ["machine", "kernels", "engine", "reward models", "step scores", "llama-768x8"]
    assert ended == dict.fromkeys(steps, "passed")
    done = {
        (r["model"], r["contestant"])
        for r in records
        if r["kind"] == "run" and r["outcome"] == "passed"
    }
    assert {name for model, name in done if model == "llama-768x8"} == {*NAMES}
    assert ("step scores, llama-3.2-1b", "multibin") in done
    page = journal.with_suffix(".md").read_text()
    assert "| generate_batch |" in page
    assert "÷ `reference`" in page
