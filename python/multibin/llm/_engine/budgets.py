"""How much memory keys and values may take, from the arguments of `LLM`."""

from __future__ import annotations

from dataclasses import dataclass
from numbers import Integral
from pathlib import Path

import torch

from multibin._args import integer, number, sentence
from multibin.llm._engine.layout import CacheLayout
from multibin.llm._engine.rows import Budget

SHARE = 0.5
"""The share of free memory that the arena may grow to by default."""

HOST_SHARE = 0.25
"""The share of free host memory that waiting rows may take by default."""

MEMINFO = Path("/proc/meminfo")
CGROUP = Path("/sys/fs/cgroup")


@dataclass(frozen=True)
class Budgets:
    """Bytes, or shares of free memory, for the arena and for rows in host memory.

    Args:
        kv_cache_memory: bytes, or a share of the device's free memory above 0 and at most 1,
            allocated at once. None: the arena grows as it is needed, up to half of what is free.
        host_memory: bytes, or a share of free host memory. None: a quarter.
    """

    kv_cache_memory: int | float | None = None
    host_memory: int | float | None = None

    def __post_init__(self) -> None:
        """Checks the fields."""
        _check("kv_cache_memory", self.kv_cache_memory, least=1)
        _check("host_memory", self.host_memory, least=0)

    def of(self, layout: CacheLayout) -> Budget:
        """Returns the bytes on the device of `layout` and on the host."""
        free = free_memory(layout.device)
        device = _bytes(self.kv_cache_memory, free, SHARE)
        host = _bytes(self.host_memory, free_memory(torch.device("cpu")), HOST_SHARE)
        if device < 8 * layout.position_bytes:
            rule = f"at least 8 positions of {layout.position_bytes} bytes"
            raise ValueError(sentence("kv_cache_memory", rule, self.kv_cache_memory))
        return Budget(device, host, grows=self.kv_cache_memory is None)


def _check(name: str, value: int | float | None, least: int) -> None:
    if value is None:
        return
    if isinstance(value, float):
        if not 0 < number(name, value) <= 1:
            rule = "a share above 0 and at most 1, or an int of bytes"
            raise ValueError(f"{name} must be {rule}, got {float(value)!r}")
        return
    if isinstance(value, bool) or not isinstance(value, Integral):
        raise TypeError(sentence(name, "an int of bytes or a share of free memory", value))
    integer(name, value, low=least)


def _bytes(value: int | float | None, free: int, share: float) -> int:
    if value is None:
        return int(share * free)
    return int(value * free) if isinstance(value, float) else int(value)


def free_memory(device: torch.device) -> int:
    """Returns the bytes that are free on a device, within the limit of this container."""
    if device.type == "cuda":
        return int(torch.cuda.mem_get_info(device)[0])
    free = _available()
    limit = _limit()
    return free if limit is None else min(free, limit)


def _available() -> int:
    """Returns the bytes of this machine that can be had without swapping."""
    try:
        lines = MEMINFO.read_text(encoding="ascii").splitlines()
        return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvail"))
    except (OSError, StopIteration, ValueError):
        import os

        return os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")


def _limit() -> int | None:
    """Returns the bytes that this container may still take, None without a limit."""
    try:
        most = (CGROUP / "memory.max").read_text(encoding="ascii").strip()
        used = (CGROUP / "memory.current").read_text(encoding="ascii").strip()
        return max(0, int(most) - int(used))
    except (OSError, ValueError):
        return None
