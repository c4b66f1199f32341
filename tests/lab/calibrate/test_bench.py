"""The clock beside the engine's loop: what is between two of its readings, and in which batches."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count
from typing import Any

import pytest

torch = pytest.importorskip("torch", reason="the engine needs the extra `llm`")

from multibin.lab.calibrate import _bench as module  # noqa: E402
from multibin.lab.calibrate._bench import STEPS, Bench, Mixed  # noqa: E402
from multibin.llm._engine.loop import Loop  # noqa: E402
from multibin.llm._load.models import load  # noqa: E402
from multibin.llm._load.tiny import tiny_model  # noqa: E402


@pytest.fixture
def bench() -> Iterator[Bench]:
    with torch.inference_mode():
        yield Bench(load(tiny_model(context=64)))


@pytest.fixture
def runs(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """What each run of the loop began with, and how far it came."""
    seen: list[dict[str, Any]] = []
    run = Loop.run

    def noted(self: Loop, requests: Any, limit: int | None, finished: Any) -> Any:
        parked = [r.parked and r.parked.length for r in requests]
        prompts = [len(r.prompt_tokens) for r in requests]
        work = run(self, requests, limit, finished)
        tokens = [len(r.tokens) for r in requests]
        seen.append({"prompts": prompts, "parked": parked, "limit": limit, "tokens": tokens})
        return work

    monkeypatch.setattr(Loop, "run", noted)
    return seen


def test_a_cell_parks_behind_the_prompts_and_decodes_from_there(
    bench: Bench, runs: list[dict[str, Any]]
) -> None:
    cell = bench.cell(3, 20)
    assert cell.step > 0
    assert cell.prefill > 0
    assert cell.move > 0
    # One row is shorter: attention has a path of its own for rows of one length.
    prompts, none = [20, 20, 19], [None, None, None]
    assert runs == [
        {"prompts": prompts, "parked": none, "limit": 1, "tokens": [1, 1, 1]},
        {"prompts": prompts, "parked": prompts, "limit": None, "tokens": [1 + STEPS] * 3},
    ]


def test_a_cell_reads_the_clock_where_it_says(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    ticks = count()
    monkeypatch.setattr(module, "perf_counter", lambda: float(next(ticks)))
    cell = bench.cell(1, 1)
    # One reading at each token, at a run's start and end, and when the state is back.
    assert (cell.prefill, cell.move, cell.step) == (1.0, 2.0, 1.0)
    cell = bench.cell(2, 9)
    # The first of two rows is read; its state is back one reading before the other's.
    assert (cell.prefill, cell.move) == (1.0, 3.0)
    assert cell.step == (1 + 2 * STEPS - 1) / STEPS


def test_a_mixed_batch_runs_to_its_end(bench: Bench, runs: list[dict[str, Any]]) -> None:
    assert bench.seconds(Mixed((5, 9, 7), (2, 12, 4), None)) > 0
    assert [run["tokens"] for run in runs] == [[2, 12, 4]]


def test_rows_that_outlive_the_limit_go_on(bench: Bench, runs: list[dict[str, Any]]) -> None:
    assert bench.seconds(Mixed((5, 9, 7), (2, 12, 6), 4)) > 0
    assert [run["tokens"] for run in runs] == [[2, 4, 4], [12, 6]]
    assert runs[1]["parked"] == [9 + 3, 7 + 3]
    runs.clear()
    bench.seconds(Mixed((5, 9), (2, 4), 4))
    assert len(runs) == 1
