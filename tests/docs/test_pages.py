"""Every block of every page does what the page says."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import pytest
from tests.docs.pages import ROOT, Page, pages, shown
from tests.docs.run import Missing, run


@pytest.mark.parametrize("path", pages(), ids=shown)
def test_the_blocks_of(path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    if find_spec("huggingface_hub"):
        monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    page = Page.read(path)
    try:
        run(page, tmp_path)
    except Missing as missing:
        pytest.skip(f"{shown(path)} needs {missing}")


def test_pages_are_found() -> None:
    found = {shown(path) for path in pages()}
    assert {"README.md", "CONTRIBUTING.md", "docs/architecture.md"} <= found


def test_cargo_test_runs_the_blocks_of_rust() -> None:
    crate = (ROOT / "rust/multibin/src/lib.rs").read_text(encoding="utf-8")
    for path in pages():
        if any(block.fate == "run by cargo test" for block in Page.read(path).blocks):
            assert f'include_str!("../../../{shown(path)}")' in crate
