"""Finds the files of the repository and tells tests from the rest."""

from __future__ import annotations

import subprocess
from fnmatch import fnmatch
from pathlib import Path, PurePath

TEST_FOLDERS = {"tests", "benches"}


def tracked(root: Path) -> list[Path]:
    """Returns the files that git tracks below `root`, relative to it, without links to folders."""
    listed = subprocess.run(
        ["git", "ls-files", "-z"], cwd=root, check=True, capture_output=True, text=True
    )
    paths = [Path(name) for name in listed.stdout.split("\0") if name]
    return [path for path in paths if (root / path).is_file()]


def is_test(path: PurePath) -> bool:
    """Returns true for a file of tests, by its name and its folders."""
    if path.suffix == ".rs":
        named = path.stem == "tests" or path.stem.endswith("_tests")
        return named or not TEST_FOLDERS.isdisjoint(path.parts[:-1])
    tested = path.match("test_*.py") or path.name == "conftest.py"
    return path.suffix == ".py" and (tested or "tests" in path.parts[:-1])


def matches(path: PurePath, patterns: list[str]) -> bool:
    """Returns true if one of the globs covers the whole path; `*` crosses folders."""
    return any(fnmatch(path.as_posix(), pattern) for pattern in patterns)
