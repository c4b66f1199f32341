"""Wrong arguments: the error names the argument, the rule and the value."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from tests.scheduler.taking import keys, rest, take

import multibin as mb

LENGTH = "must be between 0 and 4294967295, got"


def scheduler(batch_size: int = 4, **options: Any) -> mb.Scheduler:
    return mb.Scheduler(mb.Edges([0, 10, 20, 40]), batch_size, **options)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda s: s.submit(1, float("nan")), ValueError, f"length {LENGTH} nan"),
        (lambda s: s.submit(1, float("inf")), ValueError, f"length {LENGTH} inf"),
        (lambda s: s.submit(1, -1), ValueError, f"length {LENGTH} -1"),
        (lambda s: s.submit(1, 2**32), ValueError, f"length {LENGTH} 4294967296"),
        (lambda s: s.submit(1, 2**53 + 1), ValueError, f"length {LENGTH} {2**53 + 1}"),
        (lambda s: s.submit(1, 10**5000), ValueError, f"length {LENGTH} a value of type int"),
        (
            lambda s: s.submit(10**5000, 1),
            ValueError,
            f"key must be at most {2**64 - 1}, got a value of type int",
        ),
        (lambda s: s.submit(1, "5"), TypeError, "length must be a number, got '5'"),
        (lambda s: s.submit(1, None), TypeError, "length must be a number, got None"),
        (lambda s: s.submit(-1, 5), ValueError, "key must be at least 0, got -1"),
        (lambda s: s.submit(2**64, 5), ValueError, f"key must be at most {2**64 - 1}, got {2**64}"),
        (lambda s: s.submit(1.5, 5), TypeError, "key must be an int, got 1.5"),
        (
            lambda s: s.submit_many([1, 2], [1]),
            ValueError,
            "lengths must have one value for each of 2 keys, got 1",
        ),
        (
            lambda s: s.submit_many([1, -2], [1, 1]),
            ValueError,
            r"keys\[1\] must be at least 0, got -2",
        ),
        (lambda s: s.submit_many([1.0], [1]), TypeError, r"keys\[0\] must be an int, got 1"),
        (
            lambda s: s.submit_many(np.array([1.0]), [1]),
            TypeError,
            "keys must have dtype uint64 or int64, got float64",
        ),
        (
            lambda s: s.submit_many([1, 2**70], [1, 1]),
            ValueError,
            rf"keys\[1\] must be at most {2**64 - 1}, got {2**70}",
        ),
        (
            lambda s: s.submit_many([2**63, -1], [1, 1]),
            ValueError,
            r"keys\[1\] must be at least 0, got -1",
        ),
        (lambda s: s.submit_many([1], [2**70]), ValueError, rf"lengths\[0\] {LENGTH} {2**70}"),
        (
            lambda s: s.submit_many([1], np.ma.array([1], mask=[True])),
            TypeError,
            "lengths must be unmasked, got a masked array",
        ),
        (
            lambda s: s.submit_many(np.array([1], "i4"), [1]),
            TypeError,
            "keys must have dtype uint64 or int64, got int32",
        ),
        (
            lambda s: s.submit_many([1, 2], [1, float("nan")]),
            ValueError,
            rf"lengths\[1\] {LENGTH} nan",
        ),
        (lambda s: s.submit_many([1, 2], [1, -3]), ValueError, rf"lengths\[1\] {LENGTH} -3"),
        (
            lambda s: s.submit_many([1], ["a"]),
            TypeError,
            "lengths must have a dtype of numbers, got <U1",
        ),
        (
            lambda s: s.submit_many([[1]], [[1]]),
            ValueError,
            r"keys must have shape \[n\], got \(1, 1\)",
        ),
        (lambda s: s.submit_many(7, [1]), ValueError, r"keys must have shape \[n\], got \(\)"),
        (
            lambda s: s.submit_many([1], [[1], 2]),
            ValueError,
            r"lengths must be an array, got \[\[1\], 2\]",
        ),
        (
            lambda s: s.submit_many([1], [1], priorities=[3]),
            ValueError,
            r"priorities\[0\] must be 0 without ageing, got 3",
        ),
        (lambda s: s.worker().next_batch(-1), ValueError, "timeout must be at least 0, got -1"),
        (
            lambda s: s.worker().next_batch(-(10**400)),
            ValueError,
            "timeout must be at least 0, got -1000",
        ),
        (
            lambda s: s.worker().next_batch(float("nan")),
            ValueError,
            "timeout must be at least 0, got nan",
        ),
        (lambda s: s.worker().next_batch("1"), TypeError, "timeout must be a number, got '1'"),
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
        ({"batch_size": 0}, "batch_size must be at least 1, got 0"),
        ({"batch_size": -1}, "batch_size must be at least 1, got -1"),
        ({"batch_size": 2**40}, "batch_size must be at most 4294967295, got 1099511627776"),
        ({"capacity": 0}, r"capacity must be between 1 and \d+, got 0"),
        ({"batch_size": 8, "capacity": 4}, "batch_size must be at most capacity = 4, got 8"),
        ({"max_wait": -1}, "max_wait must be at least 0, got -1"),
        ({"max_wait": float("nan")}, "max_wait must be at least 0, got nan"),
        ({"fill": "lazy"}, "fill must be one of 'elastic', 'strict', got 'lazy'"),
        (
            {"order": "random"},
            "order must be one of 'formed', 'oldest', 'shortest', 'deadline', got 'random'",
        ),
        ({"overrun": "x"}, "overrun must be one of 'finish', 'climb', 'recompute', got 'x'"),
        ({"batch_size": []}, r"batch_size must be an int, or one for each bin, got \[\]"),
    ],
)
def test_bad_options_are_named(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        scheduler(**options)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: mb.Scheduler("ab", 4), "edges must be an Edges or None, got 'ab'"),  # type: ignore[arg-type]
        (lambda: scheduler(fill=3), "fill must be a str, got 3"),
        (lambda: scheduler(order=3), "order must be a str or None, got 3"),
        (lambda: scheduler(adapt=True), "adapt must be an Adapt or None, got True"),
        (lambda: scheduler("4"), "batch_size must be an int, or one for each bin, got '4'"),  # type: ignore[arg-type]
        (lambda: scheduler().reconfigure(edges=5), "edges must be an Edges or None, got 5"),  # type: ignore[arg-type]
        (lambda: mb.Gate([0, 1], 4), r"edges must be an Edges, got \[0, 1\]"),  # type: ignore[arg-type]
        (lambda: mb.Adapt(gate=1), "gate must be a bool, got 1"),  # type: ignore[arg-type]
        (lambda: mb.Edges.optimal([1], 1, 1, monotone=None), "monotone must be a bool, got None"),  # type: ignore[arg-type]
        (lambda: mb.Baseline.nearest(4, light_load="no"), "light_load must be a bool, got 'no'"),  # type: ignore[arg-type]
        (
            lambda: mb.Baseline.sorted_window(4, [1]),  # type: ignore[list-item]
            r"sizes must be pairs of two ints .*, got \[1\]",
        ),
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
    with pytest.raises(ValueError, match="timeout must be at least 0, got -1"):
        worker.next_batch(-1)
    assert len(take(worker, 1e30)) == 1
    s.close()
    with pytest.raises(ValueError, match="timeout must be at least 0, got -1"):
        worker.next_batch(-1)
