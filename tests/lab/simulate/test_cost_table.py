"""Tables of measured seconds: what they refuse, their file, and that one of a linear model's values
simulates as that model does.
"""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import multibin as mb
from multibin.costs._table import GRIDS
from multibin.lab.traces import Trace, from_arrays

LINEAR = mb.CostModel(
    fixed=0.03, prompt_token=2e-4, moved_row=4e-3, step=0.01, row_step=2e-3, kv_token=3e-5
)
ROWS, TOKENS = np.array([1, 3, 8]), np.array([0, 16, 50, 90])


def encoded(model: mb.CostModel, **changes: Any) -> mb.CostTable:
    """Returns the table of a linear model.

    A decode step with c tokens cached is a linear step with one token more. A prefill includes the
    first step.
    """
    r, c = ROWS[:, None], TOKENS[None, :]
    given = {
        "rows": ROWS,
        "tokens": TOKENS,
        "step": model.step + model.row_step * r + model.kv_token * r * (c + 1),
        "prefill": model.fixed
        + model.prompt_token * r * c
        + (model.step + model.row_step * r + model.kv_token * r * c),
        "move": model.fixed + model.moved_row * r + 0.0 * c,
        "counts": "mean",
        "completes": model.completes,
    }
    return mb.CostTable(**given | changes)


def trace(n: int, seed: int = 0) -> Trace:
    """Prompts and outputs beyond the last point of the axis as well."""
    rng = np.random.default_rng(seed)
    outputs = rng.integers(1, 120, n)
    return from_arrays(
        rng.integers(1, 60, n),
        outputs,
        arrivals=np.sort(rng.uniform(0, 0.1 * n, n)),
        predicted=np.zeros(n, np.int64),
    )


@pytest.mark.parametrize("completes", ["batch", "row"])
@pytest.mark.parametrize("overrun", ["finish", "climb"])
def test_an_encoded_linear_model_simulates_as_itself(completes: Any, overrun: Any) -> None:
    # Strict bins, and all that start in the first one: no batch has both new and moved rows.
    model = replace(LINEAR, completes=completes)
    scheduler = mb.SchedulerConfig(mb.Edges([0, 10, 40, 80]), 12, fill="strict", overrun=overrun)
    expected, records = (
        mb.simulate(trace(3000), scheduler=scheduler, costs=costs, servers=2)
        for costs in (model, encoded(model))
    )
    assert records.entries.max() == (3 if overrun == "climb" else 1)
    for name in ("start", "first_token", "finish"):
        np.testing.assert_allclose(getattr(records, name), getattr(expected, name), atol=1e-6)
    np.testing.assert_array_equal(records.batch, expected.batch)


def test_continuous_batching_of_an_encoded_linear_model_is_the_models() -> None:
    # Without a cost per step, as prefill and steps of new and running rows then add up alike.
    model = replace(LINEAR, step=0.0)
    continuous = mb.Baseline.continuous(12, chunk=7, order="longest")
    expected, records = (
        mb.simulate(trace(3000), scheduler=continuous, costs=costs, servers=2)
        for costs in (model, encoded(model))
    )
    np.testing.assert_allclose(records.start, expected.start, atol=1e-6)
    np.testing.assert_allclose(records.finish, expected.finish, atol=1e-6)


def test_the_longest_row_counts_or_the_mean() -> None:
    one_batch = from_arrays(np.array([10, 40]), np.array([5, 5]))
    scheduler = mb.SchedulerConfig(mb.Edges([0, 1]), 2, fill="strict")
    step = np.array([[1.0, 2.0], [1.0, 2.0]])
    for counts, tokens in (("longest", 40), ("mean", 25)):
        table = mb.CostTable([1, 2], [0, 100], step, 0 * step, 0 * step, counts=counts)  # type: ignore[arg-type]
        records = mb.simulate(one_batch, scheduler=scheduler, costs=table)
        expected = sum(1 + (tokens + t) / 100 for t in range(4))
        assert records.finish.tolist() == pytest.approx([expected, expected])


@pytest.mark.parametrize(
    ("rows", "tokens"), [(1, 0), (2, 10), (8, 90), (5, 200), (30, 33), (9, 91)]
)
def test_seconds_are_those_of_the_simulation(rows: int, tokens: int) -> None:
    rng = np.random.default_rng(3)
    grids: dict[str, Any] = {name: rng.uniform(0, 1, (3, 4)) for name in GRIDS}
    table = mb.CostTable(ROWS, TOKENS, **grids)
    alike = from_arrays(np.full(rows, tokens), np.full(rows, 2))
    scheduler = mb.SchedulerConfig(mb.Edges([0, 1]), rows, fill="strict")
    records = mb.simulate(alike, scheduler=scheduler, costs=table)
    prefill, step = (table.seconds(name, rows, tokens) for name in ("prefill", "step"))
    assert records.first_token.tolist() == pytest.approx([prefill] * rows)
    assert records.finish.tolist() == pytest.approx([prefill + step] * rows)


def test_the_nearest_linear_model_is_found() -> None:
    model, worst = encoded(LINEAR).linear()
    assert worst < 1e-9
    assert model.data == pytest.approx(replace(LINEAR, completes="batch").data)
    # No coefficient is negative, though these seconds fall with the tokens.
    falling = encoded(LINEAR, step=np.linspace(2, 1, 12).reshape(3, 4))
    model, worst = falling.linear()
    assert min(model.parameters.values()) == 0
    assert worst > 0.1


def test_the_nearest_linear_model_is_no_worse_than_its_neighbours() -> None:
    rng = np.random.default_rng(1)
    table = encoded(LINEAR, step=rng.uniform(0.01, 0.1, (3, 4)), move=rng.uniform(0, 1e-2, (3, 4)))
    best, worst = table.linear()

    def errors(model: mb.CostModel) -> np.ndarray[Any, Any]:
        near = encoded(model)
        return np.concatenate(
            [(getattr(near, name) / getattr(table, name) - 1).ravel() for name in GRIDS]
        )

    assert worst == pytest.approx(np.abs(errors(best)).max())
    least = (errors(best) ** 2).sum()
    for name, value in best.parameters.items():
        for factor in (0.99, 1.01) if value and name != "padded_token" else ():
            assert (errors(replace(best, **{name: value * factor})) ** 2).sum() > least


def test_a_table_of_nothing_is_linear() -> None:
    nothing = np.zeros((3, 4))
    model, worst = mb.CostTable(ROWS, TOKENS, nothing, nothing, nothing).linear()
    assert (sum(model.parameters.values()), worst) == (0, 0)


def test_a_file_keeps_everything(tmp_path: Path) -> None:
    path = tmp_path / "table.json"
    table = encoded(LINEAR, completes="row", about={"model": 'tiny "ü"', "date": "2026-01-02"})
    table.save(path)
    read = mb.CostTable.load(path)
    for name in ("rows", "tokens", *GRIDS):
        np.testing.assert_array_equal(getattr(read, name), getattr(table, name))
    assert (read.counts, read.completes, read.about) == ("mean", "row", table.about)
    assert json.loads(path.read_text()) == table.data
    # One line a row of a grid.
    assert len(path.read_text().splitlines()) == 2 + 4 + 2 + 2 + 3 * (2 + len(ROWS))


def test_grids_cannot_be_changed() -> None:
    given = np.ones((3, 4))
    table = encoded(LINEAR, step=given)
    given[0, 0] = -1
    assert table.step[0, 0] == 1
    with pytest.raises(ValueError, match="read-only"):
        table.step[0, 0] = 2


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"rows": []}, "rows must have at least 1 element, got 0"),
        ({"rows": [0, 1, 2]}, r"rows\[0\] must be between 1 and 4294967295, got 0"),
        ({"rows": [1, 4, 4]}, r"rows\[2\] must be above rows\[1\] = 4, got 4"),
        ({"tokens": [0, 9, 5, 20]}, r"tokens\[2\] must be above tokens\[1\] = 9, got 5"),
        ({"tokens": [-1, 9, 15, 20]}, r"tokens\[0\] must be between 0 and 4294967295, got -1"),
        ({"tokens": [[0, 1]]}, r"tokens must have shape \[n\], got \(1, 2\)"),
        ({"step": np.ones((4, 3))}, r"step must have shape \(3, 4\), .*, got \(4, 3\)"),
        (
            {"prefill": np.full((3, 4), -1.0)},
            r"prefill\[0, 0\] must be finite and at least 0, got -1",
        ),
        ({"move": np.full((3, 4), np.nan)}, r"move\[0, 0\] must be finite and at least 0, got nan"),
        ({"counts": "both"}, "counts must be one of 'longest', 'mean', got 'both'"),
        ({"completes": "soon"}, "completes must be one of 'batch', 'row', got 'soon'"),
    ],
)
def test_bad_tables_are_named(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        encoded(LINEAR, **changes)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"rows": [1.5, 2.0, 3.0]}, "rows must have an integer dtype, got float64"),
        ({"step": np.full((3, 4), "a")}, "step must have a dtype of numbers, got"),
        ({"about": {"threads": 2}}, "about must be a mapping of text to text, got {'threads': 2}"),
        ({"about": "tiny"}, "about must be a mapping of text to text, got 'tiny'"),
    ],
)
def test_wrong_types_are_named(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(TypeError, match=message):
        encoded(LINEAR, **changes)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[1]", r"the file must be a JSON object, got \[1\]"),
        ("{", "Expecting"),
        ("{}", "the file must have rows, got"),
        (
            '{"rows":[1],"tokens":[1],"step":[[1]],"prefill":[[1]],"move":[[1]]}',
            "the file must have counts, got",
        ),
        (
            '{"rows":[1],"tokens":[1],"step":[[1]],"prefill":[[1]],"move":[[1]],"counts":"mean",'
            '"speed":1}',
            "a name must be one of 'rows', .*, got 'speed'",
        ),
        (
            '{"rows":[1],"tokens":[1],"step":[[1],[2]],"prefill":[[1]],"move":[[1]],'
            '"counts":"mean"}',
            r"step must have shape \(1, 1\), .*, got \(2, 1\)",
        ),
    ],
)
def test_a_bad_file_is_named(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "bad.json"
    path.write_text(text)
    with pytest.raises(ValueError, match=rf".*bad\.json is no cost table: .*{message}"):
        mb.CostTable.load(path)
