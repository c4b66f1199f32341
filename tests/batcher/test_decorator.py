"""`@multibin.batch` on functions, async functions and methods, and what type checkers see."""

from __future__ import annotations

import asyncio
import copy
import dataclasses
import gc
import pickle
import weakref
from collections.abc import Callable, Sequence
from itertools import chain
from typing import assert_type

import pytest

import multibin as mb


@mb.batch(length=len, batch_size=16)
def shout(texts: list[str]) -> list[str]:
    """Returns the texts in capitals."""
    return [text.upper() for text in texts]


@mb.batch
async def count(texts: Sequence[str]) -> list[int]:
    return [len(text) for text in texts]


@mb.batch(climb=True, edges=mb.Edges([0, 8, 64]))
def climb(items: list[int], _: int | None) -> list[int | mb.Unfinished[int]]:
    return [n if n >= 10 else mb.Unfinished(n + 5, n + 5) for n in items]


@mb.batch(isolate=True)
def some(items: list[int]) -> list[str | Exception]:
    return [ValueError(item) if item == 3 else str(item) for item in items]


class Model:
    def __init__(self, factor: int) -> None:
        self.factor = factor
        self.batches: list[list[int]] = []

    @mb.batch(length=lambda self, item: item * self.factor, batch_size=8)
    def scale(self, items: list[int]) -> list[int]:
        self.batches.append(items)
        return [item * self.factor for item in items]

    @mb.batch
    async def add(self, items: list[int]) -> list[int]:
        return [item + self.factor for item in items]


def double(items: list[int]) -> list[float]:
    return [2.0 * item for item in items]


async def adouble(items: list[int]) -> list[float]:
    return [2.0 * item for item in items]


def test_type_checkers_know_item_and_result() -> None:
    assert_type(shout, mb.Batcher[str, str])
    assert_type(count, mb.Batcher[str, int])
    assert_type(climb, mb.Batcher[int, int])
    assert_type(some, mb.Batcher[int, str])
    assert_type(Model(2).scale, mb.Batcher[int, int])
    assert_type(Model(2).add, mb.Batcher[int, int])
    assert_type(mb.Batcher(double, batch_size=3), mb.Batcher[int, float])
    assert_type(mb.Batcher(adouble), mb.Batcher[int, float])
    assert_type(mb.Batcher([double, double]), mb.Batcher[int, float])
    assert_type(shout.submit("a"), mb.Future[str])
    assert_type(list(shout.map(["a"])), list[str])
    assert_type(list(shout.map(["a"], return_exceptions=True)), list[str | Exception])


def test_a_function() -> None:
    async def main() -> list[str]:
        return list(await asyncio.gather(*(shout(text) for text in ("a", "bc", "def"))))

    assert asyncio.run(main()) == ["A", "BC", "DEF"]
    assert shout.submit("from a thread").result(timeout=10) == "FROM A THREAD"
    assert shout.__name__ == "shout"
    assert shout.__doc__ == "Returns the texts in capitals."


def test_an_async_function_in_one_loop_after_another() -> None:
    async def main() -> list[int]:
        return list(await asyncio.gather(*map(count, ("a", "bc"))))

    assert asyncio.run(main()) == [1, 2]
    assert asyncio.run(main()) == [1, 2]
    assert count.submit("def").result(timeout=10) == 3
    assert asyncio.run(main()) == [1, 2]


def test_a_method_has_a_batcher_for_each_instance() -> None:
    two, three = Model(2), Model(3)
    futures = [two.scale.submit(1), three.scale.submit(1), two.scale.submit(5)]
    assert [future.result(timeout=10) for future in futures] == [2, 3, 10]
    assert two.scale is two.scale
    assert two.scale is not three.scale
    assert [*chain(*two.batches)] == [1, 5]

    async def main() -> int:
        return await two.add(40)

    assert asyncio.run(main()) == 42
    for batcher in (two.scale, three.scale, two.add):
        batcher.close()


def test_a_method_of_a_class_with_slots() -> None:
    class Slotted:
        __slots__ = ("__weakref__", "factor")

        def __init__(self) -> None:
            self.factor = 7

        @mb.batch
        def scale(self, items: list[int]) -> list[int]:
            return [item * self.factor for item in items]

    slotted = Slotted()
    assert slotted.scale.submit(6).result(timeout=10) == 42
    assert slotted.scale is slotted.scale
    slotted.scale.close()


@pytest.mark.filterwarnings("ignore::ResourceWarning")
def test_a_batcher_does_not_keep_its_instance_alive() -> None:
    model = Model(2)
    assert model.scale.submit(1).result(timeout=10) == 2
    gone = weakref.ref(model)
    del model
    gc.collect()
    assert gone() is None


def test_a_name_for_threads_and_metrics() -> None:
    assert "<Batcher shout: batch_size=16>" in repr(shout)
    with mb.Batcher(double, name="twice") as batcher:
        assert 'batcher="twice"' in batcher.prometheus()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"batch_size": 0}, "batch_size must be at least 1, got 0"),
        ({"length": 3}, "length must be a callable, or None, got 3"),
        ({"workers": 1.5}, "workers must be an int, got 1.5"),
        ({"costs": "guess"}, "costs must be 'learn', 'measure', a CostTable or None, got 'guess'"),
        ({"costs": "measure"}, "make must be given with costs='measure', got None"),
        (
            {"on_full": "block"},
            "on_full must be one of 'raise', 'wait', 'drop_oldest', got 'block'",
        ),
        ({"capacity": 8, "batch_size": 9}, "capacity must be at least batch_size = 9, got 8"),
        ({"worker_timeout": 0}, "worker_timeout must be finite and above 0, got 0"),
        ({"ttl": float("nan")}, "ttl must be finite, got nan"),
        ({"isolate": 1}, "isolate must be a bool, got 1"),
        ({"edges": [0, 1]}, r"edges must be Edges, or None, got \[0, 1\]"),
        ({"max_wait": -1.0}, "max_wait must be at least 0, got -1"),
    ],
)
def test_options_that_are_refused(options: dict[str, object], message: str) -> None:
    with pytest.raises((ValueError, TypeError), match=message):
        mb.Batcher(double, **options)  # type: ignore[arg-type]


@pytest.mark.parametrize("function", [3, "text", [], [double, 3], None])
def test_what_is_no_function(function: object) -> None:
    with pytest.raises(TypeError, match="function"):
        mb.Batcher(function)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match=r"function\[1\]"):
        mb.Batcher([double, adouble])  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="for an async function, got 'measure'"):
        mb.Batcher(adouble, costs="measure", make=int)
    with pytest.raises(ValueError, match="workers must be 1"):
        mb.Batcher([double, double], workers=2)


class Scaled:
    def __init__(self, factor: int) -> None:
        self.factor = factor

    @mb.batch
    def scale(self, items: list[int]) -> list[int]:
        return [self.factor * item for item in items]


class Shifted(Scaled):
    @mb.batch
    def scale(self, items: list[int]) -> list[int]:
        return [one + 1 for one in super().scale.map(items)]


@dataclasses.dataclass(frozen=True, slots=True, weakref_slot=True)
class Named:
    name: str
    factor: int = dataclasses.field(compare=False)

    @mb.batch
    def scale(self, items: list[int]) -> list[int]:
        return [self.factor * item for item in items]


@pytest.mark.parametrize(
    "copied", [copy.copy, copy.deepcopy, lambda one: pickle.loads(pickle.dumps(one))]
)
def test_a_copy_has_a_batcher_of_its_own(copied: Callable[[Scaled], Scaled]) -> None:
    first = Scaled(2)
    assert first.scale.submit(10).result(10) == 20
    second = copied(first)
    second.factor = 3
    assert second.scale.submit(10).result(10) == 30
    assert first.scale.submit(10).result(10) == 20


def test_equal_instances_have_batchers_of_their_own() -> None:
    one, other = Named("a", 2), Named("a", 3)
    assert [named.scale.submit(10).result(10) for named in (one, other)] == [20, 30]


def test_a_method_that_calls_the_one_it_overrides() -> None:
    shifted = Shifted(2)
    assert shifted.scale.submit(10).result(10) == 21
