"""`stats()` and `prometheus()`."""

from __future__ import annotations

import json
import re

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
