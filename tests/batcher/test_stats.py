"""`stats()` and `prometheus()`."""

from __future__ import annotations

import asyncio
import json
import pickle
import re
import threading
from typing import Any

import pytest

import multibin as mb


def test_counts_of_what_happened() -> None:
    def work(items: list[int]) -> list[int]:
        if 13 in items:
            raise ValueError(13)
        return items

    with mb.Batcher(work, length=lambda item: item, batch_size=1, name="work") as batcher:
        for item in (10, 20, 13):
            batcher.submit(item).exception(timeout=10)
        stats = batcher.stats()
        text = batcher.prometheus(labels={"model": "tiny"})
    json.dumps(stats)
    assert (stats["submitted"], stats["answered"], stats["failed"]) == (3, 2, 1)
    assert (stats["batches"], stats["mean_rows"], stats["useful"]) == (2, 1.0, 1.0)
    assert (stats["waiting"], stats["running"], stats["cost"]) == (0, 0, 0)
    assert stats["mean_seconds"] > 0
    assert 'multibin_batcher_answered_total{batcher="work",model="tiny"} 2' in text
    assert re.search(r'multibin_wait_seconds_count\{.*batcher="work".*\} 3', text)


def test_the_text_has_one_type_for_each_metric() -> None:
    with mb.Batcher(lambda items: items, name='a "name"\n') as batcher:
        text = batcher.prometheus()
    types = re.findall(r"^# TYPE (\S+)", text, re.M)
    assert len(types) == len(set(types))
    assert r'batcher="a \"name\"\n"' in text
    assert all(re.match(r"#|[a-z_]+(\{.*\})? \S+$", line) for line in text.splitlines())


class Slow:
    """A batcher of one item a batch whose first item runs until ``go``."""

    def __init__(self, **options: Any) -> None:
        self.go, self.runs = threading.Event(), threading.Event()
        self.batcher: mb.Batcher[int, int] = mb.Batcher(self.work, batch_size=1, **options)

    def work(self, items: list[int]) -> list[int]:
        self.runs.set()
        self.go.wait(30)
        return items

    def counts(self) -> dict[str, int]:
        """Returns the counts that are not 0."""
        stats: dict[str, Any] = dict(self.batcher.stats())
        names = "submitted in_line waiting running answered failed cancelled expired refused"
        return {name: stats[name] for name in names.split() if stats[name]}


@pytest.mark.parametrize("options", [{}, {"key": str}], ids=["one", "keys"])
def test_each_item_is_counted_once(options: dict[str, Any]) -> None:
    """Cancelled while it runs, while it waits and in line, and expired in line."""

    async def main() -> None:
        slow = Slow(capacity=3, on_full="wait", **options)
        futures = [slow.batcher.submit(item) for item in range(6)]
        late = slow.batcher.submit(6, ttl=0.01)
        await asyncio.to_thread(slow.runs.wait)
        with pytest.raises(mb.ExpiredError):
            await late
        assert slow.counts() == {
            "submitted": 7, "in_line": 3, "waiting": 2, "running": 1, "expired": 1
        }  # fmt: skip
        for item in (0, 1, 5):
            futures[item].cancel()
        assert slow.counts() == {
            "submitted": 7, "in_line": 1, "waiting": 2, "running": 1, "expired": 1, "cancelled": 3
        }  # fmt: skip
        slow.go.set()
        assert await asyncio.gather(*futures[2:5]) == [2, 3, 4]
        await slow.batcher.aclose()
        assert slow.counts() == {"submitted": 7, "answered": 3, "expired": 1, "cancelled": 3}

    asyncio.run(main())


def test_an_item_that_is_dropped_was_refused() -> None:
    slow = Slow(capacity=2, on_full="drop_oldest")
    futures = [slow.batcher.submit(item) for item in range(2)]
    slow.runs.wait(30)
    futures += [slow.batcher.submit(item) for item in range(2, 4)]
    assert slow.counts() == {"submitted": 4, "waiting": 1, "running": 1, "refused": 2}
    slow.go.set()
    slow.batcher.close()
    assert slow.counts() == {"submitted": 4, "answered": 2, "refused": 2}


def test_what_is_left_at_the_end_has_failed_and_was_not_cancelled() -> None:
    slow = Slow()
    futures = [slow.batcher.submit(item) for item in range(3)]
    slow.runs.wait(30)
    slow.batcher.close(0.01)
    assert all(isinstance(future.exception(timeout=30), mb.ClosedError) for future in futures)
    assert slow.counts() == {"submitted": 3, "failed": 3}
    slow.go.set()


def test_a_refusal_shows_what_it_knows() -> None:
    slow = Slow(capacity=1)
    first = slow.batcher.submit(1)
    with pytest.raises(mb.FullError) as caught:
        slow.batcher.submit(2)
    slow.go.set()
    assert first.result(timeout=30) == 1
    slow.batcher.close()
    assert repr(caught.value) == "FullError('at capacity: 1 requests wait or run', depth=1)"
    assert pickle.loads(pickle.dumps(caught.value)).depth == 1
    error = mb.FullError("full", 2, 0, None, None)
    assert repr(error) == "FullError('full', accepted=2, first=0)"
    assert repr(mb.FullError("full", 0, None, 3, 0.5)) == (
        "FullError('full', depth=3, retry_after=0.5)"
    )


def test_a_float_is_shown_as_such_where_an_int_must_be() -> None:
    with pytest.raises(TypeError, match=r"^key must be an int, got 1\.0$"):
        mb.Scheduler(mb.Edges([0, 8]), 2).submit(1.0, 5)  # type: ignore[arg-type]
