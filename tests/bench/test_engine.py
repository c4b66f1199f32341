"""The parts of `benches.engine`: workloads, the clock, rounds and targets; and a small run."""

from __future__ import annotations

import doctest
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from benches.batcher.paired import Target
from benches.engine.__main__ import main
from benches.engine.baselines import padded
from benches.engine.clock import Clock
from benches.engine.contest import measure
from benches.engine.models import build
from benches.engine.rounds import Plan, Rounds
from benches.engine.shapes import NAMES, SHAPES, shape
from benches.engine.workload import Lengths, draw

TINY = ["--model", "tiny", "--requests", "9", "--longest", "8", "--rounds", "1", "--threads", "1"]


@pytest.fixture(autouse=True)
def _threads() -> Iterator[None]:
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


@pytest.mark.parametrize("name", ["contest", "rounds", "shapes", "workload"])
def test_doctests(name: str) -> None:
    failed, tried = doctest.testmod(import_module(f"benches.engine.{name}"))
    assert tried
    assert not failed


def test_lengths_keep_their_bounds() -> None:
    work = draw(500, 8, 50, lengths=Lengths(longest=100))
    assert work.lengths.min() >= 4
    assert work.lengths.max() == 100
    assert {*map(len, work.prompts)} <= {*range(16, 257)}
    assert work.tokens == work.lengths.sum()
    assert max(map(max, work.prompts)) < 50


def test_a_warm_up_is_one_short_batch() -> None:
    work = draw(20, 8, 50)
    warm_up = work.warm_up(3)
    assert warm_up.prompts == work.prompts[:8]
    assert warm_up.lengths.tolist() == [3] * 8


def test_padding_is_on_the_left() -> None:
    ids, mask = padded([[5], [6, 7]])
    assert ids.tolist() == [[0, 5], [6, 7]]
    assert mask.tolist() == [[0, 1], [1, 1]]


def test_the_clock_counts_passes_and_leaves_the_model_as_it_was() -> None:
    model = build("tiny")
    clock = Clock()
    with torch.no_grad():
        with clock.on(model):
            model(input_ids=torch.zeros(3, 5, dtype=torch.int64))
            model(torch.zeros(3, 1, dtype=torch.int64))
        model(torch.zeros(3, 1, dtype=torch.int64))
    assert (clock.passes, clock.steps) == (2, 1)
    assert clock.seconds > 0
    assert "forward" not in vars(model)


def test_the_clock_keeps_a_forward_of_the_object() -> None:
    def own(input_ids: Any) -> Any:
        return input_ids

    module = SimpleNamespace(forward=own)
    with Clock().on(module):
        assert module.forward(torch.zeros(1, 1)).shape == (1, 1)
    assert module.forward is own


def test_300_mb() -> None:
    weights = sum(each.numel() for each in build("llama-768x8", device="meta").parameters())
    assert 290e6 < 4 * weights < 310e6


@pytest.mark.parametrize("name", SHAPES)
def test_small_models_are_of_the_same_kind(name: str) -> None:
    assert shape(name, small=True).keys() >= shape(name).keys()
    assert build(name, small=True).config.model_type == SHAPES[name]["model_type"]


def test_an_unknown_model_is_refused() -> None:
    with pytest.raises(ValueError, match=f"model must be one of {', '.join(NAMES)}, got 'gpt'"):
        shape("gpt")


def test_a_run_of_wrong_lengths_is_refused() -> None:
    @contextmanager
    def lazy(_: Any, __: Any) -> Iterator[Any]:
        yield lambda work: [[0]] * len(work)

    with pytest.raises(RuntimeError, match="lengths must be"):
        measure(lazy, build("tiny"), draw(3, 2, 50))


def test_rounds_alternate_and_ratios_are_of_the_same_round() -> None:
    rounds, order = Rounds(), iter(range(100))
    rounds.run(Plan(["a", "b"], ["c"]), 2, lambda _: {"x": float(next(order))})
    assert rounds.values("a", "x") == [0, 4]
    assert rounds.values("b", "x") == [1, 3]
    assert rounds.values("c", "x") == [2]
    line = rounds.ratio("x", "u", "a", "b", Target(2, least=True))
    assert line is not None
    assert line.ratios == [0, 4 / 3]
    assert line.missed
    assert rounds.ratio("x", "u", "a", "z") is None
    alone = rounds.alone("x", "u", "c", Target(2))
    assert alone is not None
    assert not alone.missed


def test_all_contestants_generate_the_same_text(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["llama", *TINY]) in (0, 1)
    lines = capsys.readouterr().out.splitlines()
    head = next(i for i, line in enumerate(lines) if "same text" in line)
    rows = [line.split() for line in lines[head + 1 : head + 9]]
    assert [row[0] for row in rows] == [
        *("continuous-true", "multibin-true", "climb", "continuous", "fifo"),
        *("generate-sorted", "generate", "generate_batch"),
    ]
    # float32: a tie to within rounding may end otherwise.
    assert np.mean([float(row[-1].rstrip("%")) for row in rows]) > 90
    assert any("continuous-true / generate-sorted" in line for line in lines)
