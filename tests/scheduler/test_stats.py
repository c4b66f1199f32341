"""Counters of each bin, the histogram of waits, and both in the format of Prometheus."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.scheduler.taking import take

import multibin as mb


class Abandoned(Exception):
    """Drops a batch, whose rows are lost."""


REASONS = ("light_load", "overdue", "full", "elastic", "drain", "expired")


def scheduler(**options: object) -> mb.Scheduler:
    return mb.Scheduler(mb.Edges([0, 10, 20, 40]), 2, **options)  # type: ignore[arg-type]


@contextmanager
def busy() -> Iterator[mb.Scheduler]:
    """Returns a scheduler with something in every counter, and a leased batch."""
    s = scheduler(overrun="climb", max_bins=4)
    worker, other = s.worker(), s.worker()
    s.submit_many(np.arange(11), [5, 5, 5, 15, 15, 15, 25, 25, 25, 5, 15])
    assert s.cancel(9)
    with worker.next_batch(0) as batch:
        batch.resubmit([0], [10])
    with suppress(Abandoned), worker.next_batch(0):
        raise Abandoned
    worker.close()  # the climber restarts
    take(other)
    with other.next_batch(0):
        yield s


def test_bins_know_what_waits_and_what_left() -> None:
    s = scheduler()
    s.submit_many(np.arange(5), [5, 15, 15, 15, 25])
    worker = s.worker()
    batch = take(worker)
    assert (batch.bin, batch.reason, batch.lengths.tolist()) == (1, "full", [15, 15])
    first, second, third = s.stats()["bins"]
    assert (second["waiting"], second["parked"], second["arrivals"]) == (1, 0, 3)
    assert second["batches"] == dict.fromkeys(REASONS, 0) | {"full": 1}
    assert (second["rows"], second["padded"], second["useful"]) == (2, 30, 30)
    assert [bin["waiting"] for bin in (first, third)] == [1, 1]
    assert [bin["rows"] for bin in (first, third)] == [0, 0]
    mixed = take(worker)
    assert (mixed.bin, mixed.lengths.tolist()) == (0, [5, 15])
    led = s.stats()["bins"][0]
    assert (led["rows"], led["padded"], led["useful"]) == (2, 30, 20)


def test_ages_of_the_oldest_grow_and_end() -> None:
    s = scheduler()
    before = time.monotonic()
    s.submit(0, 15)
    time.sleep(0.02)
    ages = [bin["oldest"] for bin in s.stats()["bins"]]
    assert 0.02 <= ages[1] <= time.monotonic() - before
    assert (ages[0], ages[2]) == (0, 0)
    take(s.worker())
    assert [bin["oldest"] for bin in s.stats()["bins"]] == [0, 0, 0]


def test_waits_are_those_of_the_batches() -> None:
    s = scheduler()
    waits: list[float] = []
    worker = s.worker()
    for pause in (0, 0.001, 0.03):
        s.submit_many(np.arange(2), [5, 5])
        time.sleep(pause)
        waits += take(worker).waits.tolist()
    histogram = s.stats()["waits"]
    bounds, counts = np.array(histogram["bounds"]), np.array(histogram["counts"])
    assert bounds.tolist() == [2**i / 1e6 for i in range(33)]
    assert np.array_equal(counts, np.bincount(np.searchsorted(bounds, waits), minlength=34))
    assert histogram["sum"] == pytest.approx(sum(waits))


def test_stats_are_plain_numbers() -> None:
    with busy() as s:
        stats = s.stats()
    assert json.loads(json.dumps(stats)) == stats


@dataclass
class Metric:
    kind: str
    samples: dict[tuple[str, frozenset[tuple[str, str]]], float] = field(default_factory=dict)


NAME = r"[a-zA-Z_:][a-zA-Z0-9_:]*"
LABEL = re.compile(r'([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\["\\n])*)"')
SAMPLE = re.compile(rf"({NAME})(?:\{{({LABEL.pattern}(?:,{LABEL.pattern})*)\}})? (\S+)")
SUFFIXES = {"counter": [""], "gauge": [""], "histogram": ["_bucket", "_sum", "_count"]}


def unescaped(text: str) -> str:
    return re.sub(r"\\(.)", lambda m: {"n": "\n"}.get(m[1], m[1]), text)


def parse(text: str) -> dict[str, Metric]:
    """Returns the metrics of a text in the exposition format.

    The text must be strict: HELP, TYPE, then the samples of that metric alone, none of them twice.
    """
    assert text.endswith("\n")
    metrics: dict[str, Metric] = {}
    lines = iter(text[:-1].split("\n"))
    name = ""
    for line in lines:
        if line.startswith("#"):
            described = re.fullmatch(rf"# HELP ({NAME}) ([^\\\n]+)", line)
            typed = re.fullmatch(rf"# TYPE ({NAME}) (counter|gauge|histogram)", next(lines))
            assert described
            assert typed
            name = typed[1]
            assert described[1] == name not in metrics
            metrics[name] = Metric(typed[2])
            continue
        sample = SAMPLE.fullmatch(line)
        assert sample, line
        metric = metrics[name]
        assert sample[1] in [name + suffix for suffix in SUFFIXES[metric.kind]]
        found = [(label, unescaped(value)) for label, value in LABEL.findall(sample[2] or "")]
        assert len(dict(found)) == len(found)
        key = (sample[1], frozenset(found))
        assert key not in metric.samples
        metric.samples[key] = float(sample[7])
    return metrics


def by_bin(metric: Metric) -> list[float]:
    values = {int(dict(labels)["bin"]): value for (_, labels), value in metric.samples.items()}
    return [values[bin] for bin in range(len(values))]


def only(metric: Metric) -> float:
    ((_, labels),) = metric.samples
    assert not labels
    return next(iter(metric.samples.values()))


def without_ages(stats: Any) -> Any:
    return stats | {"bins": [bin | {"oldest": 0} for bin in stats["bins"]]}


def test_ages_in_the_text_lie_between_those_of_two_snapshots() -> None:
    with busy() as s:
        before, metrics, after = s.stats(), parse(s.prometheus()), s.stats()
    low, high = ([bin["oldest"] for bin in stats["bins"]] for stats in (before, after))
    ages = by_bin(metrics["multibin_oldest_age_seconds"])
    assert all(a <= b <= c for a, b, c in zip(low, ages, high, strict=True))
    assert max(ages) > 0
    assert without_ages(before) == without_ages(after), "looking changes nothing"


PER_BIN = {
    "waiting": "waiting",
    "parked": "parked",
    "arrivals_total": "arrivals",
    "rows_total": "rows",
    "padded_steps_total": "padded",
    "useful_steps_total": "useful",
}


def test_the_text_says_what_stats_say() -> None:
    with busy() as s:
        stats: Any = s.stats()
        metrics = parse(s.prometheus())
    for name, key in PER_BIN.items():
        assert by_bin(metrics[f"multibin_{name}"]) == [bin[key] for bin in stats["bins"]]
    for key in ("resubmitted", "restarted", "cancelled", "done", "lost"):
        assert only(metrics[f"multibin_{key}_total"]) == stats[key] > 0
    assert only(metrics["multibin_expired_total"]) == stats["expired"] == 0
    assert only(metrics["multibin_leased"]) == stats["leased"] > 0


def test_the_text_has_the_batches_of_every_bin_and_reason() -> None:
    with busy() as s:
        stats: Any = s.stats()
        metrics = parse(s.prometheus())
    found = {}
    for (_, labels), count in metrics["multibin_batches_total"].samples.items():
        where = dict(labels)
        found[int(where["bin"]), where["reason"]] = count
    assert found == {
        (bin, reason): count
        for bin, counters in enumerate(stats["bins"])
        for reason, count in counters["batches"].items()
    }
    assert len(found) == 4 * len(REASONS)


def test_counters_end_in_total_and_nothing_else_does() -> None:
    with busy() as s:
        metrics = parse(s.prometheus())
    for name, metric in metrics.items():
        assert name.startswith("multibin_")
        assert name.endswith("_total") == (metric.kind == "counter")


def test_the_histogram_is_cumulative() -> None:
    with busy() as s:
        waits = s.stats()["waits"]
        samples = parse(s.prometheus())["multibin_wait_seconds"].samples
    buckets = {
        dict(labels)["le"]: count for (name, labels), count in samples.items() if "bucket" in name
    }
    assert [float(bound) for bound in buckets] == [*waits["bounds"], float("inf")]
    assert list(buckets.values()) == np.cumsum(waits["counts"]).tolist()
    assert all(a <= b for a, b in pairwise(buckets.values()))
    nothing: frozenset[tuple[str, str]] = frozenset()
    assert samples["multibin_wait_seconds_sum", nothing] == waits["sum"] > 0
    assert samples["multibin_wait_seconds_count", nothing] == buckets["+Inf"]


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=20))
def test_labels_survive_whatever_they_say(value: str) -> None:
    labels = {"model": value, "_zone": "a,b}"}
    with busy() as s:
        metrics = parse(s.prometheus(labels=labels))
    for metric in metrics.values():
        for _, found in metric.samples:
            assert labels.items() <= dict(found).items()


@pytest.mark.parametrize("name", ["", "0a", "__name__", "a-b", "é", "bin", "reason", "le"])
def test_labels_that_cannot_be_are_refused(name: str) -> None:
    with pytest.raises(ValueError, match=f'labels must have .*, got "{name}"'):
        scheduler().prometheus(labels={name: "x"})


@pytest.mark.parametrize("labels", [{1: "x"}, {"a": 1}, [("a", "x")], {"a": "\ud800"}])
def test_labels_of_a_wrong_type_are_refused(labels: object) -> None:
    with pytest.raises(TypeError, match="labels must be a dict of str to str, got"):
        scheduler().prometheus(labels=labels)  # type: ignore[arg-type]
