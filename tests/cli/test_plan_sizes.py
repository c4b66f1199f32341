"""``multibin plan``: which batch sizes are tried, which is taken, and what is nearest."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from multibin.cli import main
from multibin.lab.traces import arrivals, lengths

BOUNDED = ["--kv-bytes-per-token=1000", "--kv-budget=40MB"]
"""Memory for 40,000 tokens: 400 rows of the trace."""


@pytest.fixture
def busy() -> str:
    """Requests whose rate is above what one bin serves in batches of 32."""
    n = 3000
    times, outputs = arrivals.poisson(n, 20.0, 1), lengths.uniform(n, 5, 100, 0)
    rows = [f"{time:.6f},5,{count}\n" for time, count in zip(times, outputs, strict=True)]
    Path("busy.csv").write_text("timestamp,prompt_tokens,output_tokens\n" + "".join(rows))
    return "busy.csv"


def planned(
    capsys: pytest.CaptureFixture[str], *arguments: str, status: int = 0, quick: bool = True
) -> dict[str, Any]:
    fewer = ["--no-climbing", "--no-continuous", "--bins=1,8", *(["--quick"] if quick else [])]
    assert main(["plan", *fewer, *arguments, "--json"]) == status
    return dict(json.loads(capsys.readouterr().out))


def test_a_memory_budget_lets_batches_grow_as_hardware_does(
    busy: str, capsys: pytest.CaptureFixture[str]
) -> None:
    found = planned(capsys, busy, *BOUNDED)
    assert found["chosen"]["policy"] == "fifo"
    assert found["chosen"]["batch_size"] > 32
    assert found["advice"].startswith("One bin is enough")


def test_bins_do_not_pay_where_one_bin_with_wider_batches_was_not_tried(
    busy: str, capsys: pytest.CaptureFixture[str]
) -> None:
    opening = "Whether binning pays is open: one bin with batches of more than 32 was not tried"
    found = planned(capsys, busy)
    assert found["chosen"]["policy"] == "elastic"
    assert found["advice"].startswith(f"{opening} (--max-batch-size). Up to 32 rows: one bin ")
    # The largest batch that a user gives is what the machine can do.
    given = planned(capsys, busy, "--max-batch-size=32")
    assert given["advice"].startswith("Binning pays: one bin ")
    assert given["chosen"] == found["chosen"]


def test_nothing_sustains_a_rate_only_of_the_sizes_that_were_tried(
    busy: str, capsys: pytest.CaptureFixture[str]
) -> None:
    found = planned(capsys, busy, "--speed=4", status=1)
    opening = "Batches of more than 32 were not tried (--max-batch-size). Up to 32 rows: nothing "
    assert found["advice"].startswith(opening)


def test_of_sizes_that_do_as_well_the_one_with_headroom_is_taken(
    busy: str, capsys: pytest.CaptureFixture[str]
) -> None:
    few = [busy, "--speed=0.3", "--batch-sizes=64,128,256"]
    found = [planned(capsys, *few, *BOUNDED, quick=quick)["policies"][0] for quick in (True, False)]
    assert [row["batch_size"] for row in found] == [256, 256]
    assert found[0]["resident_rows"] < 64, "no size is filled at this rate"
    # A backlog in batches of 256 does not fit into 10,000 tokens.
    tight = planned(capsys, *few, "--kv-bytes-per-token=1000", "--kv-budget=10MB")
    assert tight["policies"][0]["batch_size"] < 256
    assert tight["meets"] is True


@pytest.mark.parametrize("speed", [1.5, 4.0])
def test_the_nearest_misses_its_bound_the_least(
    speed: float, busy: str, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = [busy, f"--speed={speed}", "--slo-p99=4", "--max-batch-size=32"]
    found = planned(capsys, *arguments, status=1)
    p99 = {row["policy"]: row["latency"]["p99"] for row in found["policies"]}
    assert p99[found["chosen"]["policy"]] == min(p99.values())
    main(["plan", "--no-climbing", "--no-continuous", "--bins=1,8", "--quick", *arguments])
    times = min(p99.values()) / 4
    assert f"\nno plan does this; the nearest, whose p99 is {times:.2g} × its bound: " in (
        capsys.readouterr().out
    )


def test_the_nearest_takes_the_least_memory(busy: str, capsys: pytest.CaptureFixture[str]) -> None:
    memory = ["--kv-bytes-per-token=1000", "--kv-budget=120kB"]
    found = planned(capsys, busy, *memory, "--speed=0.02", status=1)
    tokens = [row["resident_tokens"] for row in found["policies"]]
    assert found["chosen"]["resident_tokens"] == min(tokens)
    assert found["chosen"]["fits"] is False
