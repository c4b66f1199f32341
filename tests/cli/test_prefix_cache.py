"""``--prefix-cache``: its sizes, what the answers say of it, and traces without hashes."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from multibin.cli import main
from multibin.cli._costs import add_costs
from multibin.cli._memory import add_kv_bytes
from multibin.cli._prefix_cache import add_prefix_cache, prefix_cache
from multibin.lab.traces import read

BLOCK = 512

COSTS = ["--fixed=0", "--step=0.02", "--prompt-token=0.0004"]

FEW = ["--batch-sizes=4", "--bins=1", "--no-climbing", "--no-continuous", "--quick"]

PLAN = ["plan", "hashed.jsonl", *COSTS, *FEW]

SIMULATE = ["simulate", "hashed.jsonl", *COSTS, "--policy=elastic"]


@pytest.fixture(autouse=True)
def _hashed_trace(_a_trace: None) -> None:
    """Sixty users in turn, whose prompts grow by a block: 9 of 10 requests go on with one."""
    rng = np.random.default_rng(0)
    rows, time = [], 0.0
    chains: list[list[int]] = [[] for _ in range(60)]
    for i in range(600):
        user, time = int(rng.integers(60)), time + rng.exponential(2000.0)
        if len(chains[user]) > 9:
            chains[user] = []
        chains[user] = [*chains[user], i]
        rows.append(
            {
                "timestamp": round(time),
                "input_length": BLOCK * len(chains[user]),
                "output_length": int(rng.integers(5, 40)),
                "hash_ids": chains[user],
            }
        )
    Path("hashed.jsonl").write_text("\n".join(map(json.dumps, rows)))


def parsed(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, Any]:
    assert main([*arguments, "--json"]) == 0
    return dict(json.loads(capsys.readouterr().out))


def hit_rate(tokens: int | None = None) -> float:
    found = read("hashed.jsonl").with_prefix_cache(tokens).hit_rate
    assert found is not None
    return found


def options(*words: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    add_costs(parser)
    add_kv_bytes(parser.add_argument)
    add_prefix_cache(parser.add_argument)
    return parser.parse_args(words)


@pytest.mark.parametrize(
    ("size", "expected"),
    [
        ("unlimited", "unlimited"),
        ("100000", 100_000),
        ("1e6", 1_000_000),
        ("128KiB", 1),
        ("40GB", 40 * 10**9 // 131072),
        ("40gib", 40 * 2**30 // 131072),
    ],
)
def test_sizes(size: str, expected: int | str) -> None:
    assert prefix_cache(options(f"--prefix-cache={size}", "--hardware=H100-8B")) == expected


@pytest.mark.parametrize(
    "size", ["", "0", "-5", "1.5", "nan", "inf", "1e99", "100k", "40G", "Unlimited", "all"]
)
def test_other_sizes_are_refused(size: str) -> None:
    rule = "prefix_cache must be tokens such as 1000000, bytes such as 40GB, or unlimited, got"
    with pytest.raises(ValueError, match=rule):
        prefix_cache(options(f"--prefix-cache={size}"))


def test_bytes_need_those_of_a_token() -> None:
    given = options("--prefix-cache=1MB", "--kv-bytes-per-token=1kB")
    assert prefix_cache(given) == 1000
    with pytest.raises(ValueError, match="prefix_cache must be tokens or unlimited without kv_b"):
        prefix_cache(options("--prefix-cache=1MB"))
    with pytest.raises(ValueError, match="prefix_cache must be at least kv_bytes_per_token = 2000"):
        prefix_cache(options("--prefix-cache=1kB", "--kv-bytes-per-token=2kB"))
    with pytest.raises(ValueError, match="prefix_cache must be bytes above 0, such as"):
        prefix_cache(options("--prefix-cache=xGB", "--kv-bytes-per-token=2kB"))


def test_simulate_says_what_is_found(capsys: pytest.CaptureFixture[str]) -> None:
    without = parsed(capsys, *SIMULATE)
    found = parsed(capsys, *SIMULATE, "--prefix-cache=20000")
    assert without["prefix_cache"] is without["settings"]["prefix_cache"] is None
    assert found["prefix_cache"] == {"capacity": 20000, "hit_rate": hit_rate(20000)}
    assert 0 < hit_rate(20000) < hit_rate()
    faster, slower = (each["policies"][1]["latency"]["mean"] for each in (found, without))
    assert faster < 0.9 * slower
    assert main([*SIMULATE, "--prefix-cache=unlimited"]) == 0
    out = capsys.readouterr().out
    assert (
        f"prefix cache: {hit_rate():.1%} of the prompt tokens are found, and not computed. The"
        " cache is ideal: any number of tokens, shared by all servers, filled in the order of"
        " arrival\n"
    ) in out


def test_drawn_rows_keep_their_hits(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*SIMULATE, "--prefix-cache=20000", "--rate=0.4", "--requests=2000"]) == 0
    out = capsys.readouterr().out
    assert f"prefix cache: {hit_rate(20000):.1%} of" in out
    assert "20,000 tokens, shared by all servers, filled in the order of arrival; the least" in out
    assert ". Drawn requests have the hits that their rows had in the trace's own order\n" in out
    users = [*SIMULATE, "--users=4", "--requests=300", "--prefix-cache=unlimited"]
    assert parsed(capsys, *users)["prefix_cache"]["hit_rate"] == hit_rate()


def test_a_plan_with_hits(capsys: pytest.CaptureFixture[str]) -> None:
    without = parsed(capsys, *PLAN)
    found = parsed(capsys, *PLAN, "--prefix-cache=unlimited")
    assert without["prefix_cache"] is None
    assert found["prefix_cache"] == {"capacity": "unlimited", "hit_rate": hit_rate()}
    one, other = (each["chosen"]["latency"]["mean"] for each in (found, without))
    assert one < 0.9 * other
    assert found["chosen"]["saturation"] > 1.1 * without["chosen"]["saturation"]
    tokens = [each["chosen"]["resident_tokens"] for each in (found, without)]
    assert min(tokens) > max(len(row) for row in chains()) * BLOCK


def chains() -> list[list[int]]:
    lines = Path("hashed.jsonl").read_text().splitlines()
    return [json.loads(line)["hash_ids"] for line in lines]


def test_a_plan_of_drawn_requests_says_whose_hits(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*PLAN, "--prefix-cache=unlimited"]) == 0
    own = capsys.readouterr().out
    assert main([*PLAN, "--prefix-cache=unlimited", "--rate=0.3"]) == 0
    drawn = capsys.readouterr().out
    for out in (own, drawn):
        assert f"\nprefix cache: {hit_rate():.1%} of the prompt tokens are found" in out
    assert ("in the trace's own order" in own, "in the trace's own order" in drawn) == (False, True)


def test_a_check_has_the_cache_too(capsys: pytest.CaptureFixture[str]) -> None:
    cache = "--prefix-cache=unlimited"
    found = parsed(capsys, *PLAN, cache, "--check=hashed.jsonl")
    played, chosen = found["check"]["played"]["played"], found["chosen"]["latency"]
    assert played["mean"] == pytest.approx(chosen["mean"])
    assert main([*PLAN, cache, "--check=trace.csv"]) == 2
    assert "as trace.csv has no hash_ids that fit its prompts" in capsys.readouterr().err


@pytest.mark.parametrize("command", ["plan", "simulate"])
def test_a_trace_without_hashes_is_refused(
    command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([command, "trace.csv", "--prefix-cache=1e6"]) == 2
    rule = "left out, as trace.csv has no hash_ids that fit its prompts, got 1000000"
    assert f"prefix_cache must be {rule}" in capsys.readouterr().err
    assert main([command, "hashed.jsonl", "--prefix-cache=511"]) == 2
    assert "prefix_cache must be at least 512, got 511" in capsys.readouterr().err
