"""The KV cache's bench: every row runs to its end, and memory is never exceeded."""

from __future__ import annotations

import numpy as np
import pytest
from benches.kv_memory.__main__ import saving
from benches.kv_memory.memory import Blocks, Memory, Slots
from benches.kv_memory.plans import plans
from benches.kv_memory.simulation import Server
from benches.kv_memory.traffic import Rows

from multibin.llm._engine.size_classes import SizeClasses
from multibin.llm._engine.space import Space

RNG = np.random.default_rng(0)
ROWS = Rows(RNG.integers(1, 200, 300), RNG.integers(1, 100, 300))


def test_one_row_alone_takes_a_step_for_each_token() -> None:
    rows = Rows(np.array([5]), np.array([30]))
    classes = SizeClasses((8, 24, 64))
    for memory in (Blocks(64, 16), Slots(Space(64), classes)):
        outcome = Server(rows, memory).run()
        assert (outcome.steps, outcome.resident, outcome.parked) == (30, 1.0, 0)
    assert isinstance(memory, Slots)
    # It climbs with 8 positions cached, when its next step has 9; then with 24.
    assert memory.climbs.rows == 2
    assert memory.space.used == 0


def test_a_row_that_lacks_room_parks_the_last() -> None:
    rows = Rows(np.array([8, 8]), np.array([10, 10]))
    memory: Memory = Blocks(32, 16)
    assert Server(rows, memory).run().parked == 1


def test_every_way_runs_all_rows() -> None:
    for plan in plans(ROWS):
        finished: list[tuple[int, int]] = []
        memory = plan.memory(2_000)
        outcome = Server(ROWS, memory, lambda *row, rows=finished: rows.append(row)).run()
        assert sorted(finished) == sorted(
            zip(ROWS.prompts.tolist(), ROWS.outputs.tolist(), strict=True)
        )
        assert outcome.resident * outcome.steps == pytest.approx(ROWS.steps)
        if not np.isnan(plan.positions):
            assert outcome.resident <= 2_000 / (plan.positions / ROWS.steps) + 1e-9


def test_a_ring_saves_what_lies_before_the_window() -> None:
    assert saving(np.array([0.0, 1, 1]), 1) == pytest.approx(1 / 3)
    assert saving(np.array([0.0, 1, 1]), 2) == 0
