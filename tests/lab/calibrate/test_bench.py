"""The clock beside the engine: what is between two of its readings, and in which batches."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import count

import pytest

torch = pytest.importorskip("torch", reason="the engine needs the extra `llm`")

from multibin.lab.calibrate import _bench as module  # noqa: E402
from multibin.lab.calibrate._bench import STEPS, Bench, Mixed  # noqa: E402
from multibin.llm._engine.runner import Runner  # noqa: E402
from multibin.llm._load.models import load  # noqa: E402
from multibin.llm._load.tiny import tiny_model  # noqa: E402
from multibin.llm._outputs import BatchRecord  # noqa: E402


@pytest.fixture(scope="module")
def bench() -> Bench:
    return Bench(load(tiny_model(context=64)))


@pytest.fixture
def batches(monkeypatch: pytest.MonkeyPatch) -> list[BatchRecord]:
    """The batches of all runs."""
    seen: list[BatchRecord] = []
    leave = Runner.__exit__

    def noted(self: Runner, *arguments: object) -> None:
        seen.extend(self.records)
        leave(self, *arguments)

    monkeypatch.setattr(Runner, "__exit__", noted)
    return seen


def tokens(batches: Sequence[BatchRecord]) -> list[list[int]]:
    """Returns the tokens that the rows of each batch generated, by their keys."""
    return [
        [count for _, count in sorted(zip(one.keys, one.tokens, strict=True))] for one in batches
    ]


def test_a_cell_parks_behind_the_prompts_and_decodes_from_there(
    bench: Bench, batches: list[BatchRecord]
) -> None:
    cell = bench.cell(3, 20)
    assert cell.step > 0
    assert cell.prefill > 0
    assert cell.move >= 0
    assert tokens(batches) == [[1, 1, 1], [1 + STEPS] * 3]
    assert [one.prefills for one in batches] == [1, 0]


def test_one_row_of_a_cell_is_shorter(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """Attention has a path of its own for rows of one length."""
    prompts: list[list[int]] = []
    submit = Runner.submit

    def noted(self: Runner, requests: Sequence[object], *arguments: object) -> None:
        prompts.append([len(r.prompt_tokens) for r in requests])  # type: ignore[attr-defined]
        submit(self, requests, *arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(Runner, "submit", noted)
    bench.cell(3, 20)
    bench.cell(1, 20)
    bench.cell(2, 1)
    assert prompts == [[20, 20, 19], [20], [1, 1]]


def test_a_cell_reads_the_clock_at_the_start_and_at_each_token(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    ticks = count()
    monkeypatch.setattr(module, "perf_counter", lambda: float(next(ticks)))
    one, two = bench.cell(1, 1), bench.cell(2, 9)
    assert (one.prefill, one.step, one.move) == (1.0, 1.0, 0.0)
    assert (two.prefill, two.step, two.move) == (1.0, 2.0, 0.0)


def test_a_mixed_batch_runs_to_its_end(bench: Bench, batches: list[BatchRecord]) -> None:
    assert bench.seconds(Mixed((5, 9, 7), (2, 12, 4), None)) > 0
    assert tokens(batches) == [[2, 12, 4]]


def test_rows_that_outlive_the_limit_go_on(bench: Bench, batches: list[BatchRecord]) -> None:
    assert bench.seconds(Mixed((5, 9, 7), (2, 12, 6), 4)) > 0
    assert tokens(batches) == [[2, 4, 4], [8, 2]]
    batches.clear()
    bench.seconds(Mixed((5, 9), (2, 4), 4))
    assert len(batches) == 1
