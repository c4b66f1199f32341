"""Which newest versions are tested: those that a test can meet and that the lock lacks."""

from __future__ import annotations

from pathlib import Path

import pytest

from tools import newest

LOCKED = (newest.ROOT / "requirements/locked.txt").read_text()
HASH = f"    --hash=sha256:{'0' * 64}"
HEADER = "# A comment of the file.\n# declared: none\n"


def pin(name: str, version: str, *parents: str) -> str:
    several = [f"    #   {parent}" for parent in parents]
    via = ["    # via", *several] if parents[1:] else [f"    # via {parents[0]}"]
    return "\n".join([f"{name}=={version} \\", f"{HASH} \\", HASH, *via, ""])


def pins(**versions: str) -> str:
    """One package of tests, what it needs, and the same for lints; ``both`` is needed by both."""
    of = {"torch": "2.15.0", "sympy": "1.14", "mypy": "2.4", "librt": "0.9", "both": "1"} | versions
    return HEADER + "".join(
        [
            pin("both", of["both"], "mypy", "torch"),
            pin("librt", of["librt"], "mypy"),
            pin("mypy", of["mypy"], newest.DECLARED),
            pin("sympy", of["sympy"], "torch"),
            pin("torch", of["torch"], newest.DECLARED, "sympy"),
        ]
    )


def test_the_committed_lock_has_what_tests_meet_and_no_lint() -> None:
    found = newest.tested(LOCKED)
    assert {"numpy", "torch", "transformers", "tokenizers", "pytest", "pytest-xdist"} <= set(found)
    assert not set(found) & {"mypy", "mypy-extensions", "ruff", "uv", "maturin"}
    assert not set(found) & {"mkdocs", "griffelib", "pymdown-extensions"}
    assert newest.differences(LOCKED, LOCKED) == []


@pytest.mark.parametrize(
    ("changed", "lines"),
    [
        ({"torch": "2.16.0"}, ["torch 2.16.0, locked 2.15.0"]),
        ({"sympy": "1.15"}, ["sympy 1.15, locked 1.14"]),
        ({"both": "2"}, ["both 2, locked 1"]),
        ({"mypy": "2.5", "librt": "1.0"}, []),
    ],
)
def test_only_what_a_test_meets_counts(changed: dict[str, str], lines: list[str]) -> None:
    assert newest.differences(pins(), pins(**changed)) == lines


def test_a_package_that_comes_or_goes_is_named() -> None:
    more = pins() + pin("networkx", "3.5", "torch")
    assert newest.differences(pins(), more) == ["networkx 3.5, locked none"]
    assert newest.differences(more, pins()) == ["networkx none, locked 3.5"]


def test_a_pin_of_another_python_counts_not() -> None:
    other = pin("numpy", "9 ; python_version < '3.11'", newest.DECLARED)
    assert newest.differences(pins(), pins() + other) == []


def test_the_status_and_the_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "newest.txt"
    file.write_text(LOCKED)
    assert newest.main([str(file)]) == 0
    assert capsys.readouterr().out == f"{newest.SAME}\n"
    file.write_text(LOCKED + pin("newcomer", "1", newest.DECLARED))
    assert newest.main([str(file)]) == 1
    assert capsys.readouterr().out == "newer: newcomer 1, locked none\n"


def test_another_python_is_a_difference(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file, python = tmp_path / "newest.txt", tmp_path / "python3.99"
    file.write_text(LOCKED)
    assert newest.main([str(file), str(python)]) == 1
    assert "python3.99 is missing" in capsys.readouterr().out
    python.write_text("#!/bin/sh\necho cpython-399\n")
    python.chmod(0o755)
    assert newest.main([str(file), str(python)]) == 1
    assert "python3.99 is cpython-399, `make test` runs on " in capsys.readouterr().out
