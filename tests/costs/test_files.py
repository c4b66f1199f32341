"""Costs in files: models and tables are told apart, and other files are refused by name."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

import multibin as mb
from multibin.costs import load_costs
from multibin.costs._load import about

MODEL = mb.CostModel(fixed=0.01, step=0.02, kv_token=1e-7, completes="row")


def test_a_model_comes_back(tmp_path: Path) -> None:
    MODEL.save(tmp_path / "model.json")
    assert (
        mb.CostModel.load(tmp_path / "model.json") == MODEL == load_costs(tmp_path / "model.json")
    )
    assert about(tmp_path / "model.json") == {}


def test_facts_of_a_model_stay_in_the_file(tmp_path: Path) -> None:
    MODEL.save(tmp_path / "model.json", about={"fitted to": "bench.json"})
    assert load_costs(tmp_path / "model.json") == MODEL
    assert about(tmp_path / "model.json") == {"fitted to": "bench.json"}


def test_a_table_comes_back(tmp_path: Path) -> None:
    one = np.array([[0.02]])
    table = mb.CostTable(np.array([1]), np.array([0]), step=one, prefill=5 * one, move=0 * one)
    table.save(tmp_path / "table.json")
    found = load_costs(tmp_path / "table.json")
    assert isinstance(found, mb.CostTable)
    assert found.data == table.data


def test_a_model_written_by_hand_needs_only_a_step(tmp_path: Path) -> None:
    (tmp_path / "model.json").write_text('{"step": 0.5}')
    assert load_costs(tmp_path / "model.json") == mb.CostModel(step=0.5)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "is no cost table or model: Expecting value"),
        ("[1]", r"is no cost table or model: the file must have step, got \[1\]"),
        ('{"fixed": 1}', "is no cost table or model: the file must have step, got fixed"),
        ('{"step": -1}', "is no cost model: step must be at least 0, got -1"),
        ('{"step": "fast"}', "is no cost model: step must be a number, got 'fast'"),
        ('{"step": NaN}', "is no cost model: step must be finite, got nan"),
        ('{"step": 1, "speed": 2}', "is no cost model: a name must be one of 'fixed'"),
        ('{"step": 1, "completes": "all"}', "completes must be one of 'batch', 'row', got 'all'"),
        ('{"step": [[1]], "rows": [1]}', "is no cost table: the file must have tokens"),
    ],
)
def test_other_files_are_refused(tmp_path: Path, content: str, message: str) -> None:
    (tmp_path / "costs.json").write_text(content)
    with pytest.raises(ValueError, match=message):
        load_costs(tmp_path / "costs.json")


def test_a_missing_file_is_named() -> None:
    with pytest.raises(FileNotFoundError, match="nowhere"):
        load_costs("nowhere.json")


def test_the_file_is_plain_json(tmp_path: Path) -> None:
    MODEL.save(tmp_path / "model.json")
    assert json.loads((tmp_path / "model.json").read_text()) == MODEL.data
