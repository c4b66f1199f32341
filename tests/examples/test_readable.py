"""A newcomer can read an example from top to bottom: it is short, and says how it is run."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PROGRAMS = [path for path in sorted(ROOT.glob("examples/*.py")) if path.stem != "small"]
RUST = sorted(ROOT.glob("rust/multibin/examples/**/*.rs"))


@pytest.mark.parametrize(
    "path", [*PROGRAMS, *RUST], ids=lambda path: f"{path.parent.name}/{path.name}"
)
def test_it_is_short(path: Path) -> None:
    assert len(path.read_text().splitlines()) < 60


@pytest.mark.parametrize("path", PROGRAMS, ids=lambda path: path.name)
def test_it_says_how_it_is_run(path: Path) -> None:
    text = path.read_text()
    description = ast.get_docstring(ast.parse(text)) or ""
    table = (ROOT / "examples/README.md").read_text()
    module = f"examples.{path.stem}"
    server = f"uvicorn {module}:app"
    assert (server in description and server in table) or (
        f"python -m {module}" in description and f"python -m {module}" in table
    )


def test_the_table_names_only_what_there_is() -> None:
    table = (ROOT / "examples/README.md").read_text()
    words = table.replace(":app", " ").replace("`", " ").split()
    named = {word.removeprefix("examples.") for word in words if word.startswith("examples.")}
    assert named == {path.stem for path in PROGRAMS} | {"reward_domains"}
