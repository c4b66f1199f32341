"""Arguments of the scheduler's face that are wrong: an error names the argument and the value."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from tests.scheduler.taking import keys, rest, take

import multibin as mb


def scheduler(batch_size: int = 4, **options: Any) -> mb.Scheduler:
    return mb.Scheduler(mb.Edges([0, 10, 20, 40]), batch_size, **options)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda s: s.submit(1, float("nan")), ValueError, "length: nan"),
        (lambda s: s.submit(1, float("inf")), ValueError, "length: inf"),
        (lambda s: s.submit(1, -1), ValueError, "length: -1"),
        (lambda s: s.submit(1, 2**32), ValueError, "length: 4294967296"),
        (lambda s: s.submit(1, 2**53 + 1), ValueError, f"length: {2**53 + 1}"),
        (lambda s: s.submit(1, 10**5000), ValueError, "length: a value of <class 'int'>"),
        (lambda s: s.submit(10**5000, 1), ValueError, "key: a value of <class 'int'>"),
        (lambda s: s.submit(1, "5"), TypeError, "length: needs an int or a float"),
        (lambda s: s.submit(1, None), TypeError, "length: needs an int or a float"),
        (lambda s: s.submit(-1, 5), ValueError, "key: -1 is out of range"),
        (lambda s: s.submit(2**64, 5), ValueError, "key: 18446744073709551616"),
        (lambda s: s.submit(1.5, 5), TypeError, "key: needs an int"),
        (lambda s: s.submit_many([1, 2], [1]), ValueError, "lengths: 1 values for 2 keys"),
        (lambda s: s.submit_many([1, -2], [1, 1]), ValueError, r"keys\[1\]: -2"),
        (lambda s: s.submit_many([1.0], [1]), TypeError, r"keys\[0\]: needs an int, got 1.0"),
        (lambda s: s.submit_many(np.array([1.0]), [1]), TypeError, "keys: needs uint64 or int64"),
        (lambda s: s.submit_many([1, 2**70], [1, 1]), ValueError, rf"keys\[1\]: {2**70}"),
        (lambda s: s.submit_many([2**63, -1], [1, 1]), ValueError, r"keys\[1\]: -1"),
        (lambda s: s.submit_many([1], [2**70]), ValueError, rf"lengths\[0\]: {2**70}"),
        (lambda s: s.submit_many([1], np.ma.array([1], mask=[True])), TypeError, "lengths: a mask"),
        (lambda s: s.submit_many(np.array([1], "i4"), [1]), TypeError, "keys: needs uint64"),
        (lambda s: s.submit_many([1, 2], [1, float("nan")]), ValueError, r"lengths\[1\]: NaN"),
        (lambda s: s.submit_many([1, 2], [1, -3]), ValueError, r"lengths\[1\]: -3"),
        (lambda s: s.submit_many([1], ["a"]), TypeError, "lengths: needs an integer or float"),
        (lambda s: s.submit_many([[1]], [[1]]), ValueError, r"keys: needs one .* shape \[1, 1\]"),
        (lambda s: s.submit_many(7, [1]), ValueError, "keys: needs one dimension, got 7"),
        (
            lambda s: s.submit_many([1], [[1], 2]),
            ValueError,
            r"lengths: \[\[1\], 2\] makes no array",
        ),
        (
            lambda s: s.submit_many([1], [1], priorities=[3]),
            ValueError,
            r"priorities\[0\]: 3 needs",
        ),
        (lambda s: s.worker().next_batch(-1), ValueError, "timeout: -1"),
        (lambda s: s.worker().next_batch(-(10**400)), ValueError, "timeout: -1000"),
        (lambda s: s.worker().next_batch(float("nan")), ValueError, "timeout: nan"),
        (lambda s: s.worker().next_batch("1"), TypeError, "timeout: needs an int or a float"),
    ],
)
def test_bad_input_is_named_and_loses_nothing(
    call: Callable[[Any], object], error: type[Exception], message: str
) -> None:
    s = scheduler(fill="strict")
    s.submit(7, 5)
    with pytest.raises(error, match=message):
        call(s)
    assert s.stats()["submitted"] == 1
    s.close()
    assert keys(rest(s.worker())) == [[7]]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"batch_size": 0}, "batch_size: 0"),
        ({"batch_size": -1}, "batch_size: -1"),
        ({"batch_size": 2**40}, "batch_size: 1099511627776"),
        ({"capacity": 0}, "capacity: 0"),
        ({"batch_size": 8, "capacity": 4}, "batch_size: 8 exceeds capacity = 4"),
        ({"max_wait": -1}, "max_wait: -1"),
        ({"max_wait": float("nan")}, "max_wait: nan"),
        ({"fill": "lazy"}, 'fill: "lazy" is not "elastic" or "strict"'),
        ({"order": "random"}, 'order: "random" is not "formed" or "oldest" or "shortest"'),
        ({"overrun": "x"}, 'overrun: "x" is not "finish" or "climb" or "recompute"'),
        ({"batch_size": []}, r"batch_size: \[\] is empty"),
    ],
)
def test_bad_options_are_named(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        scheduler(**options)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: mb.Scheduler("ab", 4), "edges: needs Edges or None, got 'ab' of <class 'str'>"),  # type: ignore[arg-type]
        (lambda: scheduler(fill=3), "fill: needs a str, got 3 of <class 'int'>"),
        (lambda: scheduler(order=3), "order: needs a str or None, got 3"),
        (lambda: scheduler(adapt=True), "adapt: needs an Adapt or None, got True"),
        (lambda: scheduler("4"), "batch_size: needs an int, or one for each bin, got '4'"),  # type: ignore[arg-type]
        (lambda: scheduler().reconfigure(edges=5), "edges: needs Edges or None, got 5"),  # type: ignore[arg-type]
        (lambda: mb.Gate([0, 1], 4), r"edges: needs Edges, got \[0, 1\]"),  # type: ignore[arg-type]
        (lambda: mb.Adapt(gate=1), "gate: needs a bool, got 1 of <class 'int'>"),  # type: ignore[arg-type]
        (lambda: mb.Edges.optimal([1], 1, 1, monotone=None), "monotone: needs a bool, got None"),  # type: ignore[arg-type]
        (lambda: mb.Baseline.nearest(4, light_load="no"), "light_load: needs a bool, got 'no'"),  # type: ignore[arg-type]
        (lambda: mb.Baseline.sorted_window(4, [1]), r"sizes: needs pairs of two ints, got \[1\]"),  # type: ignore[list-item]
    ],
)
def test_a_wrong_type_is_named_with_its_value(call: Callable[[], object], message: str) -> None:
    with pytest.raises(TypeError, match=message):
        call()


def test_what_a_conversion_raises_is_not_swallowed() -> None:
    class Interrupted:
        def __float__(self) -> float:
            raise KeyboardInterrupt

    class Broken:
        def __index__(self) -> int:
            raise KeyError("broken")

    s = scheduler()
    with pytest.raises(KeyboardInterrupt):
        s.submit(1, Interrupted())
    with pytest.raises(KeyError, match="broken"):
        s.submit(Broken(), 1)
    assert s.stats()["submitted"] == 0


def test_a_bad_timeout_is_refused_even_when_a_batch_waits() -> None:
    s = scheduler()
    worker = s.worker()
    s.submit(1, 5)
    with pytest.raises(ValueError, match="timeout: -1"):
        worker.next_batch(-1)
    assert len(take(worker, 1e30)) == 1
    s.close()
    with pytest.raises(ValueError, match="timeout: -1"):
        worker.next_batch(-1)
