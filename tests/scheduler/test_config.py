"""SchedulerConfig: a scheduler's arguments, as a value."""

from __future__ import annotations

import copy
import inspect
import pickle
import weakref
from typing import Any

import pytest
from tests.scheduler.waiting import EDGES

import multibin as mb

GIVEN: list[dict[str, Any]] = [
    {"edges": EDGES, "batch_size": 4},
    {"edges": EDGES, "batch_size": [4, 2], "capacity": 100, "max_wait": 0.5, "fill": "strict"},
    {"edges": EDGES, "batch_size": 4, "order": "oldest", "overrun": "climb", "max_parked": 3},
    {"edges": EDGES, "batch_size": 4, "max_bins": 8, "ageing": 0.25, "max_padding": 0.5},
    {
        "edges": EDGES,
        "batch_size": 4,
        "budget": 100,
        "budget_of": "cost",
        "adapt": mb.Adapt(bins=3),
    },
    {"batch_size": 4, "longest": 1000},
    {"batch_size": 4, "longest": 1000, "adapt": mb.Adapt(gate=False)},
]


@pytest.mark.parametrize("given", GIVEN, ids=str)
def test_it_is_a_value(given: dict[str, Any]) -> None:
    config = mb.SchedulerConfig(**given)
    for name, value in given.items():
        assert getattr(config, name) == value
    assert config == mb.SchedulerConfig(**given)
    assert config != mb.SchedulerConfig(**(given | {"batch_size": 1}))
    assert eval(repr(config), vars(mb)) == config
    assert pickle.loads(pickle.dumps(config)) == copy.deepcopy(config) == config
    assert mb.Scheduler.from_config(config).config == config
    assert mb.Scheduler(**given).config == config


def test_it_takes_the_arguments_of_a_scheduler() -> None:
    of = inspect.signature(mb.SchedulerConfig).parameters
    # Nothing is recorded of a simulation.
    live = dict(inspect.signature(mb.Scheduler).parameters)
    del live["record"]
    assert of == live
    defaults = {name: of[name].default for name in ("capacity", "fill", "overrun", "budget_of")}
    assert defaults == {
        "capacity": 65_536,
        "fill": "elastic",
        "overrun": "finish",
        "budget_of": "padded",
    }
    documented = mb.SchedulerConfig.__doc__ or ""
    assert all(f"\n    {name}: " in documented for name in of)


def test_the_longest_length_is_enough() -> None:
    s = mb.Scheduler(batch_size=4, longest=1000)
    assert s.edges == mb.Edges.geometric(1000, 16)
    assert s.config.adapt == mb.Adapt()
    assert s.config.longest == 1000
    s.reconfigure(edges=EDGES, batch_size=3, max_wait=1)
    assert (s.config.edges, s.config.batch_size, s.config.max_wait) == (EDGES, 3, 1.0)
    assert s.config.longest is None


@pytest.mark.parametrize(
    ("given", "error", "message"),
    [
        ({"batch_size": 4}, TypeError, "edges must be given, unless longest is"),
        ({"edges": EDGES}, TypeError, "batch_size must be given"),
        (
            {"edges": EDGES, "batch_size": 4, "longest": 9},
            ValueError,
            "longest must be left out with edges, got 9",
        ),
        ({"longest": 0, "batch_size": 4}, ValueError, "longest must be at least 1, got 0"),
        (
            {"longest": -1, "batch_size": 4},
            ValueError,
            "longest must be between 0 and 4294967295, got -1",
        ),
        (
            {"edges": EDGES, "batch_size": 9, "capacity": 4},
            ValueError,
            "batch_size must be at most capacity = 4, got 9",
        ),
        (
            {"edges": EDGES, "batch_size": 4, "fill": "lazy"},
            ValueError,
            "fill must be one of 'elastic', 'strict', got 'lazy'",
        ),
        (
            {"edges": EDGES, "batch_size": 4, "max_bins": 1},
            ValueError,
            "edges must have at most max_bins = 1 bins, got 2",
        ),
    ],
)
def test_what_is_wrong_is_named(
    given: dict[str, Any], error: type[Exception], message: str
) -> None:
    for make in (mb.SchedulerConfig, mb.Scheduler):
        with pytest.raises(error, match=message):
            make(**given)


@pytest.mark.parametrize(
    ("edges", "options", "works"),
    [
        ([0, 10], {"adapt": mb.Adapt()}, False),
        ([0, 10], {"adapt": mb.Adapt(edges=False)}, False),
        ([0, 10], {"adapt": mb.Adapt(bins=1)}, False),
        ([0, 10, 20], {"adapt": mb.Adapt(bins=1)}, False),
        ([0, 10, 20], {"adapt": mb.Adapt(bins=1, edges=False)}, True),
        ([0, 10], {"adapt": mb.Adapt(), "max_bins": 2}, True),
        ([0, 10], {"adapt": mb.Adapt(edges=False), "max_bins": 2}, True),
        ([0, 10], {"adapt": mb.Adapt(bins=2)}, True),
    ],
)
def test_adapting_needs_a_second_bin(
    edges: list[int], options: dict[str, Any], works: bool
) -> None:
    def make() -> mb.SchedulerConfig:
        return mb.SchedulerConfig(mb.Edges(edges), 4, **options)

    if works:
        make()
        return
    with pytest.raises(ValueError, match=r"adapt(\.bins)? must be "):
        make()


def test_adapt_is_a_value_too() -> None:
    adapt = mb.Adapt(bins=3, hysteresis=0.5)
    assert pickle.loads(pickle.dumps(adapt)) == adapt
    assert inspect.signature(mb.Adapt).parameters["every"].default == 5000


@pytest.mark.parametrize(
    ("longest", "max_bins", "bins"), [(1, None, 1), (4096, 4, 4), (4096, None, 16)]
)
def test_the_longest_length_makes_as_many_bins_as_there_may_be(
    longest: int, max_bins: int | None, bins: int
) -> None:
    config = mb.SchedulerConfig(batch_size=8, longest=longest, max_bins=max_bins)
    assert len(config.edges.bounds) == bins + 1
    assert (config.adapt is None) == (bins == 1)
    with mb.Scheduler.from_config(config).worker():
        pass


def test_what_a_scheduler_is_made_of_can_be_referred_to_weakly() -> None:
    edges = mb.Edges([0, 10])
    for made in (edges, mb.Adapt(), mb.Gate(edges, 8), mb.SchedulerConfig(edges, 8)):
        assert weakref.ref(made)() is made
