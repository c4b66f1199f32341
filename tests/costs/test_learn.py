"""What the learner believes, how soon, and what its tries cost, on a virtual clock."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from typing import TypeAlias

import numpy as np
import pytest
from numpy.typing import NDArray
from tests.costs.closed_loop import BATCH_SIZE, Loop, Seconds, all_seconds, believed, learner

from multibin.costs import CostLearner, CostTable
from multibin.costs._report import report as reported

Floats: TypeAlias = NDArray[np.float64]

TRUTHS: dict[str, Seconds] = {
    "linear in padded tokens": lambda r, n: 0.0005 + 0.0005 * r * n,
    "a call costs something": lambda r, n: 0.010 + 0.0003 * r * n,
    "flat, then linear": lambda r, n: np.hypot(0.008, 8e-6 * r * n),
    "quadratic in length": lambda r, n: 0.003 + 2e-4 * r * n + 1e-6 * r * n * n,
    "constant": lambda r, n: 0.02 + 0.0 * r * n,
    "batches lose": lambda r, n: 0.001 + 0.0002 * r**1.15 * n,
}

SEEDS = range(3)


def share(truth: Seconds, after: int) -> float:
    """Returns the throughput of the learner over that of the policy that knows the truth."""
    shares = []
    for seed in SEEDS:
        learnt, knows = Loop(truth, seed, learner()), Loop(truth, seed)
        for loop in (learnt, knows):
            loop.run(2_500)
        shares.append(learnt.rate(after) / knows.rate(200))
    return float(np.mean(shares))


@pytest.mark.parametrize("name", TRUTHS)
def test_the_learnt_policy_loses_at_most_5_percent(name: str) -> None:
    assert share(TRUTHS[name], after=500) >= 0.95


@pytest.mark.parametrize("name", TRUTHS)
def test_200_requests_say_what_rows_are_worth(name: str) -> None:
    learns = learner()
    Loop(TRUTHS[name], 7, learns).run(200)
    assert learns.table is not None
    truth, found = all_seconds(TRUTHS[name]), believed(learns.table)
    for rows in (1, 8, 32):
        ratio = found[rows - 1, 16:129] / truth[rows - 1, 16:129]
        assert 0.5 < ratio.min() <= ratio.max() < 2, rows
    gain = [grid[0, 40] / grid[BATCH_SIZE - 1, 40] * BATCH_SIZE for grid in (truth, found)]
    assert max(gain[1], 1.05) == pytest.approx(max(gain[0], 1.05), rel=0.35)


def drifted(before: Seconds, after: Seconds) -> tuple[CostLearner, list[float]]:
    """Returns a learner whose world changed, and the throughput from then on over the best."""
    learns = learner()
    loop = Loop(before, 3, learns)
    loop.run(1_500)
    loop.truth = after
    since = sum(loop.done)
    loop.run(2_500)
    knows = Loop(after, 3)
    knows.run(2_500)
    return learns, [loop.rate(since + late) / knows.rate(200) for late in (0, 1_000)]


@pytest.mark.parametrize("factor", [2.0, 0.5])
@pytest.mark.parametrize("name", ["linear in padded tokens", "flat, then linear"])
def test_a_machine_of_another_speed_is_noticed(name: str, factor: float) -> None:
    truth = TRUTHS[name]
    learns, (all_along, late) = drifted(truth, lambda r, n: factor * truth(r, n))
    assert learns.report()["drifts"] >= 1
    assert all_along > 0.85
    assert late > 0.93
    assert learns.table is not None
    found, true = believed(learns.table), factor * all_seconds(truth)
    assert np.median(found[:, 16:129] / true[:, 16:129]) == pytest.approx(1.0, abs=0.15)


def test_batches_that_begin_to_pay_are_found() -> None:
    _, (_, late) = drifted(TRUTHS["batches lose"], lambda r, n: 0.05 + 0.0002 * r * n)
    assert late > 0.9


def test_tries_of_what_does_not_pay_are_rare_and_cheap() -> None:
    learns = learner()
    loop = Loop(TRUTHS["batches lose"], 5, learns)
    loop.run(500)
    tried, batches = 0, len(loop.done)
    for _ in range(8_000):
        tried += learns.rows_to_try is not None
        loop.run(1)
    assert 0 < tried < 0.03 * (len(loop.done) - batches)


def fed(batch_size: int, seconds: Callable[[int, int], float], n: int = 300) -> CostLearner:
    """Returns a learner that saw ``n`` batches of random shapes."""
    rng = np.random.default_rng(1)
    learns = CostLearner(batch_size, _clock=lambda: 0.0)
    for _ in range(n):
        rows, longest = int(rng.integers(1, batch_size + 1)), int(rng.integers(1, 300))
        if learns.record(rows, longest, seconds(rows, longest), rows * longest // 2):
            learns.fit()
    learns.fit()
    return learns


def test_without_noise_the_table_is_the_truth() -> None:
    table = fed(16, lambda r, n: 0.01 + 1e-3 * r + 1e-5 * r * n).table
    assert table is not None
    for rows, length in ((1, 10), (5, 100), (16, 290)):
        found = table.seconds("prefill", rows, length)
        assert found == pytest.approx(0.01 + 1e-3 * rows + 1e-5 * rows * length, rel=1e-2)
    assert table.counts == "longest"
    assert (table.rows[0], table.rows[-1]) == (1, 16)
    assert not table.step.any()
    assert not table.move.any()


def test_first_batches_and_outliers_weigh_little() -> None:
    count = 0

    def seconds(rows: int, longest: int) -> float:
        nonlocal count
        count += 1
        slow = 50.0 if count <= 2 or count % 40 == 0 else 1.0
        return slow * (0.01 + 1e-5 * rows * longest)

    table = fed(8, seconds).table
    assert table is not None
    assert table.seconds("prefill", 4, 150) == pytest.approx(0.016, rel=0.05)


def test_one_number_of_rows_tells_nothing_of_others() -> None:
    learns = CostLearner(32)
    for _ in range(100):
        learns.record(1, 50, 0.01)
    learns.fit()
    assert learns.table is None
    assert learns.report()["says"] == "after 100 batches the costs are not known yet"


def test_few_that_wait_are_not_asked_for_more_without_end() -> None:
    learns = learner()
    asked = 0
    for _ in range(2_000):
        asked += learns.rows_to_try is not None
        if learns.record(1, 50, 0.01):
            learns.fit()
    assert asked < 100


def test_a_batch_size_of_1_is_learnt() -> None:
    learns = fed(1, lambda _, n: 0.001 * n)
    assert learns.table is not None
    assert learns.table.rows.tolist() == [1]
    assert list(learns.report()["rows_that_pay"].values()) == [1, 1, 1]


def test_batches_without_rows_or_time_are_ignored() -> None:
    learns = CostLearner(4)
    for rows, seconds in ((0, 1.0), (1, 0.0), (1, -1.0), (1, float("nan")), (1, float("inf"))):
        assert not learns.record(rows, 5, seconds)
    assert learns.report()["batches"] == 0
    assert learns.rows_to_try == 1


def test_the_report_is_words_and_plain_numbers() -> None:
    learns = fed(8, lambda r, n: 0.02 + 1e-5 * r * n)
    report = json.loads(json.dumps(learns.report()))
    assert report["says"].startswith(f"at length {report['length']} one row takes 2")
    assert "so 8 rows pay (after 300 batches)" in report["says"]
    assert report["seconds_of_full_batch"] > report["seconds_of_one_row"]
    assert report["useful_share"] == pytest.approx(0.5, abs=0.01)
    alone = fed(8, lambda r, n: 1e-5 * r**1.2 * n).report()["says"]
    assert "1 row pays: batching gains nothing" in alone


def test_the_report_says_what_a_row_takes_where_rows_pay() -> None:
    table = CostTable.of_batches([1, 2, 4, 8], [10], [[0.04], [0.06], [0.1], [0.2]])
    state = {"batches": 9, "batch_size": 8}
    assert reported(table, np.full(5, 10.0), state)["says"] == (
        "at length 10 one row takes 40 ms, and a row takes 25 ms in a batch of 4 and 25 ms in a"
        " batch of 8, so 4 rows pay (after 9 batches)"
    )


def test_bad_arguments_are_refused() -> None:
    with pytest.raises(ValueError, match="batch_size must be at least 1, got 0"):
        CostLearner(0)
    with pytest.raises(TypeError, match=r"batch_size must be an int, got 2\.5"):
        CostLearner(2.5)  # type: ignore[arg-type]


def test_threads_record_and_fit_together() -> None:
    learns = CostLearner(8)

    def run() -> None:
        for i in range(500):
            if learns.record(1 + i % 8, 10 + i % 50, 0.01):
                learns.fit()

    threads = [threading.Thread(target=run) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    learns.fit()
    assert learns.table is not None
    assert learns.report()["batches"] <= 2_000
