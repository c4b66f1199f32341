"""CostTable.measure: the grid, memory and time that end it, and what it says of itself."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import multibin as mb
from multibin.costs import _measure


class Machine:
    """A function whose batches take time on a clock of its own."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, error: Exception | None = None) -> None:
        self.now = 100.0
        self.batches: list[tuple[int, int]] = []
        self.error = error
        self.most = 2**62
        """Rows × length for which memory suffices."""
        monkeypatch.setattr(_measure, "perf_counter", lambda: self.now)

    def __call__(self, items: list[str]) -> list[int]:
        rows, longest = len(items), max(map(len, items))
        assert {len(item) for item in items} == {longest}
        if self.error is not None and rows * longest > self.most:
            raise self.error
        self.batches.append((rows, longest))
        self.now += self.seconds(rows, longest)
        return [0] * rows

    def seconds(self, rows: int, longest: int) -> float:
        return 0.5 + 0.25 * rows * longest


def text(length: int) -> str:
    return "x" * length


def test_each_point_is_the_median_of_its_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    machine = Machine(monkeypatch)
    table = mb.CostTable.measure(machine, text, (1, 2, 4), (3, 9), repeats=3, minutes=1e6)
    for i, rows in enumerate((1, 2, 4)):
        for j, length in enumerate((3, 9)):
            assert table.prefill[i, j] == machine.seconds(rows, length)
            assert machine.batches.count((rows, length)) == 4
    assert (table.counts, table.completes) == ("longest", "batch")
    assert not table.step.any()
    assert not table.move.any()
    assert "left out" not in table.about


def test_a_slow_first_run_and_an_outlier_do_not_count(monkeypatch: pytest.MonkeyPatch) -> None:
    machine = Machine(monkeypatch)
    plain = machine.seconds

    def seconds(rows: int, longest: int) -> float:
        slow = len(machine.batches) == 11 or machine.batches.count((rows, longest)) == 1
        return plain(rows, longest) * (50 if slow else 1)

    machine.seconds = seconds  # type: ignore[method-assign]
    table = mb.CostTable.measure(machine, text, (1, 2), (3, 9), minutes=1e6)
    assert table.prefill.tolist() == [[plain(r, n) for n in (3, 9)] for r in (1, 2)]


class OutOfMemoryError(RuntimeError):
    """As torch.cuda raises it."""


@pytest.mark.parametrize(
    "error", [MemoryError(), OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB")]
)
def test_memory_ends_an_axis(
    error: Exception, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    machine = Machine(monkeypatch, error)
    machine.most = 8 * 50
    with caplog.at_level(logging.WARNING, logger="multibin"):
        table = mb.CostTable.measure(machine, text, (1, 2, 4, 8), (10, 20, 50, 100), minutes=1e6)
    assert table.rows.tolist() == [1, 2, 4]
    assert table.tokens.tolist() == [10, 20, 50, 100]
    assert table.about["left out"] == "rows 8: memory was too small"
    assert "measuring Machine left out rows 8: memory was too small" in caplog.text


def test_other_errors_are_raised(monkeypatch: pytest.MonkeyPatch) -> None:
    machine = Machine(monkeypatch, RuntimeError("shapes differ"))
    machine.most = 5
    with pytest.raises(RuntimeError, match="shapes differ"):
        mb.CostTable.measure(machine, text, (1, 2), (3, 9))


def test_memory_that_is_too_small_for_anything_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    machine = Machine(monkeypatch, MemoryError("no room"))
    machine.most = 1
    with pytest.raises(MemoryError, match="no room"):
        mb.CostTable.measure(machine, text, (1, 2), (3, 9))


@pytest.mark.parametrize("minutes", [0.01, 0.5, 1.0, 3.0, 10.0])
def test_the_time_is_kept_and_the_grid_is_full(
    minutes: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    machine = Machine(monkeypatch)
    table = mb.CostTable.measure(machine, text, (1, 2, 4, 8), (4, 8, 16, 32), minutes=minutes)
    longest_run = max(machine.seconds(*batch) for batch in machine.batches)
    assert machine.now - 100 <= 60 * minutes + 2 * longest_run
    for rows, seconds in zip(table.rows, table.prefill, strict=True):
        assert seconds.tolist() == [machine.seconds(rows, n) for n in table.tokens]
    full = table.prefill.shape == (4, 4)
    assert full == ("left out" not in table.about)
    assert full or table.about["left out"].endswith(": time was over")


def test_the_first_points_of_every_prefix_are_a_grid() -> None:
    for rows, lengths in ((1, 1), (1, 4), (3, 3), (5, 2)):
        cells = list(_measure._by_shells(rows, lengths))
        assert sorted(cells) == [(i, j) for i in range(rows) for j in range(lengths)]
        for at, (i, j) in enumerate(cells):
            before = cells[:at]
            assert all(near in before for near in ((i - 1, j), (i, j - 1)) if min(near) >= 0)


def test_it_says_where_and_when_and_is_saved(tmp_path: Path) -> None:
    table = mb.CostTable.measure(list, range, (1, 2), (4,), repeats=2, about={"model": "none"})
    assert {"function", "device", "threads", "versions", "date", "runs"} <= table.about.keys()
    assert table.about["model"] == "none"
    assert table.about["runs"] == "medians of 2 to 2 after 1 to warm up"
    table.save(tmp_path / "table.json")
    assert mb.CostTable.load(tmp_path / "table.json").data == table.data


@pytest.mark.parametrize(("terminal", "shown"), [(True, True), (False, False)])
def test_progress_is_shown_on_a_terminal(
    terminal: bool, shown: bool, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("tqdm")
    monkeypatch.setattr("sys.stderr.isatty", lambda: terminal, raising=False)
    mb.CostTable.measure(list, range, (1, 2), (4,), repeats=2)
    assert ("measure" in capsys.readouterr().err) == shown
    mb.CostTable.measure(list, range, (1, 2), (4,), repeats=2, progress=False)
    assert not capsys.readouterr().err


async def coroutine(items: list[str]) -> list[str]:
    return items


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"rows": (0, 1)}, r"rows\[0\] must be"),
        ({"rows": (2, 1)}, r"rows\[1\] must be above rows\[0\] = 2, got 1"),
        ({"lengths": ()}, "lengths must have at least 1 element, got 0"),
        ({"repeats": 0}, "repeats must be at least 1, got 0"),
        ({"minutes": 0}, "minutes must be finite and above 0, got 0"),
        ({"fn": coroutine}, "fn must be a plain function, got <function coroutine"),
        ({"progress": 1}, "progress must be a bool, got 1"),
    ],
)
def test_bad_arguments_are_refused(changes: dict[str, Any], message: str) -> None:
    arguments: dict[str, Any] = {"fn": list, "make": range} | changes
    with pytest.raises((TypeError, ValueError), match=message):
        mb.CostTable.measure(**arguments)


def test_cuda_is_waited_for_only_if_torch_uses_it(monkeypatch: pytest.MonkeyPatch) -> None:
    waits = []

    class Cuda:
        is_available = is_initialized = staticmethod(lambda: True)
        get_device_name = staticmethod(lambda: "a GPU")
        synchronize = staticmethod(lambda: waits.append(1))

    class Torch:
        __version__ = "0"
        cuda = Cuda
        get_num_threads = staticmethod(lambda: 3)

    monkeypatch.setitem(__import__("sys").modules, "torch", Torch)
    table = mb.CostTable.measure(list, range, (1,), (4,), repeats=1)
    assert (table.about["device"], table.about["threads"]) == ("a GPU", "3")
    assert len(waits) == 4


def test_a_table_of_batches_has_no_steps() -> None:
    table = mb.CostTable.of_batches([1, 4], np.array([10, 20]), [[1, 2], [3, 4]], counts="mean")
    assert table.seconds("prefill", rows=4, tokens=15) == 3.5
    assert table.seconds("step", rows=4, tokens=15) == 0.0
    assert table.counts == "mean"
    with pytest.raises(ValueError, match=r"prefill must have shape \(2, 2\)"):
        mb.CostTable.of_batches([1, 4], [10, 20], [1, 2])
