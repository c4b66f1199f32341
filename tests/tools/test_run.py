"""`.ci/run`: its parts, its verdict, its last line; and the table of it in CONTRIBUTING.md."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tools.newest import SAME

ROOT = Path(__file__).parents[2]
PARTS = ["demo", "test", "check", "test-oldest", "test-newest"]
OUTCOME = "newest: 512 passed, 1 failed, 3 skipped"


def ci(folder: Path, **recipes: str) -> tuple[int, list[str]]:
    """Runs it on a clean clone of a repository with these recipes as targets."""
    commands = dict.fromkeys(PARTS, "true") | {"test-newest": f"echo {OUTCOME}; false"}
    commands |= {name.replace("_", "-"): recipe for name, recipe in recipes.items()}
    rules = [f"{name}:\n\t@echo doing {name}; {recipe}\n" for name, recipe in commands.items()]
    (folder / ".ci").mkdir()
    shutil.copy(ROOT / ".ci/run", folder / ".ci/run")
    (folder / "Makefile").write_text("".join(rules))
    (folder / ".gitignore").write_text("/target/\n")
    author = ["-c", "user.name=a", "-c", "user.email=a@b", "-c", "init.defaultBranch=main"]
    for command in (["init"], ["add", "."], ["commit", "--message=first"]):
        subprocess.run(["git", *author, *command], cwd=folder, check=True, capture_output=True)
    (folder / "Makefile").write_text("demo:\n\tfalse\n")
    done = subprocess.run([folder / ".ci/run"], capture_output=True, text=True, check=False)
    return done.returncode, (done.stdout + done.stderr).splitlines()


def test_it_tests_the_commit_and_ends_with_the_outcome_of_the_newest(tmp_path: Path) -> None:
    status, lines = ci(tmp_path)
    assert status == 0
    assert lines[-1] == OUTCOME
    table = [line.split() for line in lines[-7:-1] if line.startswith("make ")]
    assert [(row[1], row[-1]) for row in table] == [
        *((part, "ok") for part in PARTS[:-1]),
        ("test-newest", "FAILED"),
    ]
    assert "The commit is tested, without the changes that are not in it." in lines


@pytest.mark.parametrize("part", PARTS[:-1])
def test_a_failure_is_repeated_at_the_end(part: str, tmp_path: Path) -> None:
    status, lines = ci(tmp_path, **{part: "echo 1 != 2; false"})
    assert status == 1
    assert lines[-2].startswith(f"failed: {part};")
    assert lines[-1] == OUTCOME
    assert "1 != 2" in lines[lines.index(f"== make {part} FAILED; it ended with") :]


def test_the_first_of_several_failures_is_repeated(tmp_path: Path) -> None:
    failure = "echo 'make[1]: *** [Makefile:9: check-types] Error 1'"
    _, lines = ci(tmp_path, check=f"echo early; {failure}; seq 100; echo late; false")
    ending = lines[lines.index("== make check FAILED; it ended with") :]
    assert "early" in ending
    assert "late" not in ending


def test_where_the_locked_versions_are_the_newest_the_last_line_says_so(tmp_path: Path) -> None:
    status, lines = ci(tmp_path, test_newest=f"echo '{SAME}'")
    assert status == 0
    assert lines[-1] == SAME


def test_without_an_outcome_the_last_line_reports_it(tmp_path: Path) -> None:
    status, lines = ci(tmp_path, test_newest="false")
    assert status == 0
    assert lines[-1] == "The newest versions ran no test: the reason stands above."


def test_the_table_in_contributing_has_its_parts() -> None:
    run = re.findall(r"^(?:required|part) (\S+)", (ROOT / ".ci/run").read_text(), re.MULTILINE)
    page = (ROOT / "CONTRIBUTING.md").read_text()
    # The rows with a time; another table lists the commands alone.
    rows = re.findall(r"^\| `make (\S+)` \| \d+ \|", page, re.MULTILINE)
    assert run == rows == PARTS


def test_the_readme_names_the_first_two() -> None:
    section = (ROOT / "README.md").read_text().split("## Reproduce it")[1].split("\n## ")[0]
    assert re.findall(r"\$ make (\S+)", section) == PARTS[:2]
