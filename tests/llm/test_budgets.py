"""Bytes for keys and values: numbers, shares, limits of the container, refusals."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from tests.llm.runs import small

from multibin.llm import LLM
from multibin.llm._engine import budgets as module
from multibin.llm._engine.budgets import Budgets, free_memory
from multibin.llm._engine.layout import CacheLayout, LayerShape

CPU = torch.device("cpu")
LAYOUT = CacheLayout((LayerShape(2, 4, 4),), (0,), torch.float32, CPU)
"""64 bytes a position."""


@pytest.fixture
def free(monkeypatch: pytest.MonkeyPatch) -> int:
    """The bytes that are free."""
    monkeypatch.setattr(module, "free_memory", lambda _: 10_000)
    return 10_000


@pytest.mark.parametrize(
    ("arguments", "device", "host", "grows"),
    [
        ((None, None), 5000, 2500, True),
        ((3000, 0), 3000, 0, False),
        ((512, 10**9), 512, 10**9, False),
        ((0.25, 1.0), 2500, 10_000, False),
        ((1.0, 0.001), 10_000, 10, False),
    ],
)
@pytest.mark.usefixtures("free")
def test_bytes_and_shares(arguments: Any, device: int, host: int, grows: bool) -> None:
    budget = Budgets(*arguments).of(LAYOUT)
    assert (budget.device, budget.host, budget.grows) == (device, host, grows)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"kv_cache_memory": 0}, ValueError, "kv_cache_memory must be at least 1, got 0"),
        ({"kv_cache_memory": -5}, ValueError, "kv_cache_memory must be at least 1, got -5"),
        ({"kv_cache_memory": 0.0}, ValueError, "kv_cache_memory must be a share above 0 and at mo"),
        ({"kv_cache_memory": 1.5}, ValueError, "kv_cache_memory must be a share .* got 1.5"),
        ({"kv_cache_memory": float("nan")}, ValueError, "kv_cache_memory must be finite, got nan"),
        (
            {"kv_cache_memory": "4G"},
            TypeError,
            "kv_cache_memory must be an int of bytes or a share of free memory, got '4G'",
        ),
        ({"kv_cache_memory": True}, TypeError, "kv_cache_memory must be an int of .*, got True"),
        ({"host_memory": -1}, ValueError, "host_memory must be at least 0, got -1"),
        ({"host_memory": 0.0}, ValueError, "host_memory must be a share .* got 0"),
        ({"host_memory": [1]}, TypeError, r"host_memory must be an int of .*, got \[1\]"),
    ],
)
def test_bad_arguments_are_named_before_the_model_loads(
    arguments: dict[str, Any], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        LLM("no/such/folder", **arguments)


@pytest.mark.usefixtures("free")
def test_less_than_the_smallest_slot_is_refused() -> None:
    rule = "kv_cache_memory must be at least 8 positions of 64 bytes, got 511"
    with pytest.raises(ValueError, match=rule):
        Budgets(511).of(LAYOUT)
    assert Budgets(512).of(LAYOUT).device == 512


def test_no_free_memory_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "free_memory", lambda _: 0)
    with pytest.raises(ValueError, match="kv_cache_memory must be at least 8 positions"):
        Budgets().of(LAYOUT)


def test_the_arena_of_an_engine_has_the_size_that_is_asked_for() -> None:
    llm = LLM(small(), kv_cache_memory=100_000)
    layout = llm._executor.arena.layout
    assert llm._executor.arena.storage.nbytes == 100_000 // layout.position_bytes * (
        layout.position_bytes
    )
    assert LLM(small())._executor.arena.storage.nbytes == 0


def test_the_limit_of_a_container_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    meminfo = tmp_path / "meminfo"
    meminfo.write_text("MemTotal: 9000 kB\nMemAvailable:    4000 kB\n", encoding="ascii")
    monkeypatch.setattr(module, "MEMINFO", meminfo)
    monkeypatch.setattr(module, "CGROUP", tmp_path)
    assert free_memory(CPU) == 4000 * 1024
    (tmp_path / "memory.max").write_text("max\n", encoding="ascii")
    (tmp_path / "memory.current").write_text("1000\n", encoding="ascii")
    assert free_memory(CPU) == 4000 * 1024
    (tmp_path / "memory.max").write_text("5000\n", encoding="ascii")
    assert free_memory(CPU) == 4000
    (tmp_path / "memory.current").write_text("6000\n", encoding="ascii")
    assert free_memory(CPU) == 0


def test_without_meminfo_the_system_says_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "CGROUP", tmp_path)
    monkeypatch.setattr(module, "MEMINFO", tmp_path / "none")
    assert free_memory(CPU) > 0
    (tmp_path / "none").write_text("MemTotal: 1 kB\n", encoding="ascii")
    assert free_memory(CPU) > 0
