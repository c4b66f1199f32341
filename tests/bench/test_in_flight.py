"""The parts of `benches.in_flight`, and a small run."""

from __future__ import annotations

import sys

import numpy as np
import pytest
from benches import in_flight
from benches.in_flight import Case, Fleet, loop, parts, share

from multibin.lab.traces.arrivals import poisson


def test_all_users_wait_when_the_device_asks() -> None:
    case = Case(batch_size=8, requests=400)
    assert share(loop(case, 8, users=12), "light_load") == 1
    # 13 users are no light load. The last requests are no full batches, and were not counted on.
    assert share(loop(case, 8, users=13), "light_load") < 0.1


def test_parts_are_the_requests_in_turn() -> None:
    whole = Case(batch_size=8, requests=11).trace(poisson(11, 3.0, seed=0))
    found = list(parts(whole, 3))
    assert [len(part) for part in found] == [4, 4, 3]
    assert whole.arrivals is not None
    assert found[1].arrivals is not None
    assert found[1].output_tokens.tolist() == whole.output_tokens[1::3].tolist()
    assert np.allclose(np.diff(found[1].arrivals), np.diff(whole.arrivals[1::3]))


def test_a_fleet_of_one_scheduler_is_one_scheduler() -> None:
    case = Case(batch_size=4, requests=200)
    fleet = Fleet(case, devices=2, bins=4)
    assert fleet.rate(1, 40) == loop(case, 4, 40, servers=2).throughput
    assert len(fleet.latencies(2, 5.0)) == 200


def test_it_prints_both_tables(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["in_flight", "--requests=2000", "--batch-size=4"])
    in_flight.main()
    printed = capsys.readouterr().out
    assert printed.count("| 1·B | 1.00 | 1.00 | 1.00 | 1.00 | 100% | 0% | 0% |") == 1
    assert "| 1 | 1.00 | 1.00 | 1.00 | 1.00 |" in printed
