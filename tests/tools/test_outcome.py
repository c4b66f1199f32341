"""The plugin's last line and its list of deprecations, from a run of a few invented tests."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
# Imitates an installed wheel, as these tests also run in an editable environment.
CONFTEST = """
import pathlib, sys
import multibin
multibin.__file__ = "/somewhere/{home}/multibin/__init__.py"
"""
TESTS = """
import logging, warnings, pytest

def test_passes(): pass
def test_passes_too(): pass
def test_fails(): assert False
def test_skips(): pytest.skip("no")

@pytest.fixture
def broken(): raise ValueError("broken")

def test_has_no_fixture(broken): pass

@pytest.mark.parametrize("again", [1, 2])
def test_warns(again):
    warnings.warn("the old way", FutureWarning)

def test_logs():
    logging.getLogger("transformers.models").warning("`old` is deprecated,\\n use `new`")
    logging.getLogger("transformers.models").warning("something else")
"""


def lines(
    folder: Path, tests: str = TESTS, home: str = "site-packages", processes: int = 0
) -> list[str]:
    (folder / "conftest.py").write_text(CONFTEST.format(home=home))
    (folder / "test_some.py").write_text(tests)
    (folder / "pytest.ini").write_text("[pytest]\nfilterwarnings = error\n")
    options = ["-p", "tools.outcome", "--outcome=newest", "-W", "default::FutureWarning"]
    done = subprocess.run(
        [
            *(sys.executable, "-m", "pytest", *options),
            *("--continue-on-collection-errors", f"--numprocesses={processes}"),
        ],
        env={**os.environ, "PYTHONPATH": str(ROOT), "PYTEST_ADDOPTS": "-p no:cacheprovider"},
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    return (done.stdout + done.stderr).splitlines()


@pytest.mark.parametrize("processes", [0, 2])
def test_the_end_of_a_run(processes: int, tmp_path: Path) -> None:
    assert lines(tmp_path, processes=processes)[-4:] == [
        "newest: 2 deprecations",
        "  2 x FutureWarning: the old way",
        "  1 x transformers.models: `old` is deprecated, use `new`",
        "newest: 5 passed, 2 failed, 1 skipped",
    ]


@pytest.mark.parametrize("processes", [0, 2])
def test_a_file_that_cannot_be_imported_is_a_failure(processes: int, tmp_path: Path) -> None:
    (tmp_path / "test_other.py").write_text("import nonsense_that_is_not_there\n")
    end = lines(tmp_path, "def test_passes(): pass", processes=processes)[-1]
    assert end == "newest: 1 passed, 1 failed"


def test_a_process_that_dies_is_a_failure(tmp_path: Path) -> None:
    tests = "import os\ndef test_passes(): pass\ndef test_dies(): os._exit(3)\n"
    assert lines(tmp_path, tests, processes=1)[-1] == "newest: 1 passed, 1 failed"


@pytest.mark.parametrize(("tests", "home"), [("", "site-packages"), (TESTS, "python")])
def test_without_a_test_or_a_wheel_there_is_no_outcome(
    tmp_path: Path, tests: str, home: str
) -> None:
    assert not [line for line in lines(tmp_path, tests, home) if "newest: " in line]
