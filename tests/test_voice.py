"""Every part of the package refuses an argument in the same words."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

import multibin as mb
from multibin.cli import main
from multibin.lab import theory
from multibin.lab.compare import Settings

EDGES = mb.Edges([0, 10, 20])
MESSAGE = "batch_size must be at least 1, got 0"


def engine() -> object:
    """Makes an engine without rows."""
    pytest.importorskip("torch")
    from multibin.llm._load.tiny import tiny_model

    return mb.LLM(tiny_model(), batch_size=0)


@pytest.mark.parametrize(
    "refused",
    [
        lambda: mb.Scheduler(EDGES, 0),
        lambda: mb.SchedulerConfig(EDGES, 0),
        lambda: mb.Gate(EDGES, 0),
        lambda: mb.Edges.optimal([1, 2], 1, 0),
        lambda: theory.throughput([1.0, 2.0], EDGES, 0),
        lambda: Settings("trace.csv", batch_size=0),
        engine,
    ],
)
def test_a_batch_of_no_rows_is_refused_in_one_voice(refused: Callable[[], object]) -> None:
    with pytest.raises(ValueError, match=f"^{MESSAGE}$"):
        refused()


def test_the_command_line_has_it_too(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("trace.csv").write_text("TIMESTAMP,ContextTokens,GeneratedTokens\n0,1,1\n1,1,2\n")
    assert main(["simulate", "trace.csv", "--batch-size=0"]) == 2
    assert capsys.readouterr().err == f"multibin simulate: error: {MESSAGE}\n"


def test_kernels_have_it_too() -> None:
    torch = pytest.importorskip("torch")
    from multibin import kernels

    with pytest.raises(ValueError, match=r"^width must be at least 0, got -1$"):
        kernels.pad(torch.zeros(3), torch.tensor([3]), width=-1)
