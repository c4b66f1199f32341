"""``--kv-bytes-per-token`` and ``--kv-budget``: sizes with suffixes, and those of the hardware."""

from __future__ import annotations

import argparse

import pytest

from multibin.cli._costs import add_costs
from multibin.cli._memory import Memory, add_memory, memory, size
from multibin.costs import hardware


def options(*words: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    add_costs(parser)
    add_memory(parser)
    return parser.parse_args(words)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("131072", 131072),
        ("40GB", 40e9),
        ("40 GiB", 40 * 2**30),
        ("40gib", 40 * 2**30),
        ("1.5k", 1500),
        ("2Ki", 2048),
        ("3MB", 3e6),
        ("1TB", 1e12),
        ("7B", 7),
        ("1e3", 1000),
        ("4e-1KB", 400),
    ],
)
def test_sizes(text: str, expected: float) -> None:
    assert size("kv_budget", text) == pytest.approx(expected)


@pytest.mark.parametrize(
    "text", ["", "GB", "0", "-1", "4XB", "4 iB", "1..2", "1e99", "nan", "four"]
)
def test_other_sizes_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match="kv_budget must be bytes above 0, such as 131072, 40GB"):
        size("kv_budget", text)


def test_nothing_is_known_without_options() -> None:
    assert memory(options()) == Memory(None, None)


def test_the_hardware_gives_what_is_not_given() -> None:
    found = hardware("H100-8B")
    assert memory(options("--hardware=H100-8B")) == Memory(131072, found.kv_budget)
    given = options("--hardware=H100-8B", "--kv-budget=10GB")
    assert memory(given) == Memory(131072, 10 * 10**9)
    given = options("--hardware=H100-8B", "--kv-bytes-per-token=64KiB")
    assert memory(given) == Memory(65536, found.kv_budget)


def test_bytes_of_a_token_may_stand_alone() -> None:
    assert memory(options("--kv-bytes-per-token=1000")) == Memory(1000, None)


def test_a_budget_needs_the_bytes_of_a_token() -> None:
    message = "kv_budget must be given with kv_bytes_per_token or hardware"
    with pytest.raises(ValueError, match=message):
        memory(options("--kv-budget=10GB"))


def test_a_budget_holds_a_token() -> None:
    given = options("--kv-budget=1KB", "--kv-bytes-per-token=2KB")
    with pytest.raises(ValueError, match="kv_budget must be at least kv_bytes_per_token = 2000"):
        memory(given)
