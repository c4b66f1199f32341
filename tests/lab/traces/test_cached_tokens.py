"""``Trace.cached_tokens``: they stay with their rows, and come from the hashes of a trace."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from multibin.lab.plan import within_context
from multibin.lab.traces import Prefixes, Trace, from_arrays


def trace(n: int = 50) -> Trace:
    """Returns requests whose prompt tells the cached tokens: a third."""
    prompts = 3 * np.arange(n) + 1
    return Trace(prompts, np.arange(n) + 1, np.arange(n) / 4, cached_tokens=prompts // 3)


def cached(part: Trace) -> np.ndarray[Any, Any]:
    assert part.cached_tokens is not None
    assert (part.cached_tokens == part.prompt_tokens // 3).all()
    return part.cached_tokens


def hashed() -> Trace:
    """Returns prompts of 12, 8, 12 and 10 tokens in blocks of 4."""
    rows = [[1, 2, 3], [4, 5], [1, 2, 3], [1, 2, 6]]
    prompts = np.array([12, 8, 12, 10])
    offsets = np.cumsum([0, *map(len, rows)])
    blocks = Prefixes(offsets, np.array([block for row in rows for block in row]), prompts, 4)
    trace = from_arrays(prompts, [5, 5, 50, 5], arrivals=[0.0, 1.0, 2.0, 3.0])
    return replace(trace, prefixes=blocks)


def test_rows_keep_theirs() -> None:
    whole = trace()
    assert cached(whole[10:20]).tolist() == list(range(10, 20))
    assert cached(whole[np.array([1, 5, 5, 9])]).tolist() == [1, 5, 5, 9]
    assert cached(whole[whole.output_tokens > 48]).tolist() == [48, 49]
    assert len(cached(whole.cut(1.0, 2.0))) == 4
    for other in (
        whole.scale_rate(2),
        whole.to_rate(9),
        whole.with_arrivals(None),
        whole.with_predicted(np.ones(50, np.int64)),
    ):
        assert cached(other).tolist() == cached(whole).tolist()
    drawn = whole.resample(500, seed=1)
    assert len(set(cached(drawn).tolist())) > 40


def test_rows_that_are_put_in_order_keep_theirs() -> None:
    late_first = from_arrays([9, 6], [1, 1], arrivals=[7, 3], cached_tokens=[3, 2])
    assert cached(late_first).tolist() == [2, 3]


def test_scaled_prompts_have_none() -> None:
    assert trace().fitted(20)[0].cached_tokens is None
    assert trace().fitted(20)[0].hit_rate is None


def test_the_hit_rate_is_that_of_tokens() -> None:
    assert from_arrays([0, 0], [1, 1], cached_tokens=[0, 0]).hit_rate == 0
    assert from_arrays([], [], cached_tokens=[]).hit_rate == 0
    assert hashed().hit_rate is None
    assert hashed().with_prefix_cache().hit_rate == (11 + 8) / 42


@pytest.mark.parametrize(
    ("capacity", "expected"),
    [
        (None, [0, 0, 11, 8]),
        (20, [0, 0, 11, 8]),
        (19, [0, 0, 8, 8]),
        (4, [0, 0, 0, 4]),
        (7, [0, 0, 0, 4]),
    ],
)
def test_a_capacity_holds_whole_blocks(capacity: int | None, expected: list[int]) -> None:
    found = hashed().with_prefix_cache(capacity).cached_tokens
    assert found is not None
    assert found.tolist() == expected


def test_what_cannot_be_cached_is_named() -> None:
    with pytest.raises(ValueError, match=r"cached_tokens\[1\] must be at most prompt_tokens\[1\]"):
        from_arrays([3, 4, 5], [1, 1, 1], cached_tokens=[3, 5, 6])
    with pytest.raises(ValueError, match="cached_tokens must be as long as prompt_tokens, 2"):
        from_arrays([3, 4], [1, 1], cached_tokens=[3])
    with pytest.raises(ValueError, match=r"cached_tokens\[0\] must be "):
        from_arrays([3], [1], cached_tokens=[-1])
    with pytest.raises(ValueError, match="the trace has no prefixes, the hashes of prompt blocks"):
        trace().with_prefix_cache()
    with pytest.raises(ValueError, match="capacity_tokens must be at least 4, got 3"):
        hashed().with_prefix_cache(3)
    with pytest.raises(TypeError, match=r"capacity_tokens must be an int, got 4\.0"):
        hashed().with_prefix_cache(4.0)  # type: ignore[arg-type]


def test_a_context_keeps_hits_and_refused_prompts_leave_no_blocks() -> None:
    kept, refused, shortened = within_context(hashed().with_prefix_cache(), 40)
    assert (refused, shortened) == (0, 1)
    assert kept.cached_tokens is not None
    assert kept.cached_tokens.tolist() == [0, 0, 11, 8]
    kept, refused, _ = within_context(hashed(), 12)
    found = kept.with_prefix_cache().cached_tokens
    assert found is not None
    assert (refused, found.tolist()) == (2, [0, 0]), "no prompt of 12 tokens was computed"
