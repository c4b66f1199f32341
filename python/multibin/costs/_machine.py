"""The facts of a machine, for measurements."""

from __future__ import annotations

import os
import platform
import sys
from datetime import UTC, datetime
from pathlib import Path
from types import ModuleType

__all__ = ["cuda", "date", "facts", "processor"]


def facts() -> dict[str, str]:
    """Returns device, threads, versions and date as text. It never imports torch."""
    torch = sys.modules.get("torch")
    graphics = cuda()
    threads = os.cpu_count() if torch is None else torch.get_num_threads()
    versions = [f"multibin {_installed()}", f"Python {platform.python_version()}"]
    if torch is not None:
        versions.append(f"torch {torch.__version__}")
    return {
        "device": f"CPU, {processor()}" if graphics is None else graphics.get_device_name(),
        "threads": str(threads),
        "versions": ", ".join(versions),
        "date": date(),
    }


def _installed() -> str:
    """Returns the version of the installed package, if there is one."""
    # It brings a dozen modules with it, and few measure.
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("multibin")
    except PackageNotFoundError:
        return "from source"


def cuda() -> ModuleType | None:
    """Returns ``torch.cuda`` if this process uses it."""
    torch = sys.modules.get("torch")
    used = torch is not None and torch.cuda.is_available() and torch.cuda.is_initialized()
    return torch.cuda if used and torch is not None else None


def date() -> str:
    """Returns the time in UTC."""
    return datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")


def processor() -> str:
    """Returns the CPU's name."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.processor() or platform.machine())
