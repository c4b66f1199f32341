"""Checks that a page leaves no thread and no process, and no module of its folder."""

from __future__ import annotations

import contextlib
import gc
import os
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

SECONDS = 5.0


@contextlib.contextmanager
def none(folder: Path) -> Iterator[None]:
    """Lets blocks import from the folder, and raises if something of theirs stays."""
    before, threads = children(), set(threading.enumerate())
    sys.path.insert(0, str(folder))
    try:
        yield
    finally:
        sys.path.remove(str(folder))
        _forget(folder)
    gc.collect()
    ends = time.monotonic() + SECONDS
    while left := [*_threads(threads), *(children() - before)]:
        if time.monotonic() > ends:
            raise RuntimeError(f"the page leaves {left}")
        time.sleep(0.01)


def children() -> set[str]:
    """Returns the processes below this one, where /proc lists them."""
    found = set()
    for listed in Path(f"/proc/{os.getpid()}/task").glob("*/children"):
        for pid in listed.read_text().split():
            with contextlib.suppress(OSError):
                command = Path(f"/proc/{pid}/cmdline").read_text().replace("\0", " ")
                # A zombie has no command; the interpreter keeps the tracker, and ends it itself.
                if command and "resource_tracker" not in command:
                    found.add(f"{pid}: {command}")
    return found


def _threads(before: set[threading.Thread]) -> list[threading.Thread]:
    """Returns the new threads; tqdm keeps its own until the interpreter ends."""
    new = set(threading.enumerate()) - before
    return [one for one in new if one.name != "tqdm_monitor"]


def _forget(folder: Path) -> None:
    """Removes the modules that come from the folder."""
    for name, module in [*sys.modules.items()]:
        origin = getattr(module, "__file__", None)
        if origin and Path(origin).is_relative_to(folder):
            del sys.modules[name]
