"""What the engine runs: the arguments of ``multibin demo``."""

from __future__ import annotations

from dataclasses import dataclass

from multibin import _args

__all__ = ["EngineSettings"]


@dataclass(frozen=True)
class EngineSettings:
    """The model, the requests and the bins; raises an error for a value out of range.

    >>> from multibin.lab.compare.engine import EngineSettings
    >>> EngineSettings(requests=24, bins=3, batch_size=4).repeats
    3
    """

    model: str | None = None
    """A folder or hub id. None: the built-in model."""
    trace: str | None = None
    """A file that ``multibin.lab.traces.read`` reads. None: chat-like lengths."""
    requests: int = 400
    bins: int = 8
    batch_size: int = 8
    repeats: int = 3
    """Runs of each policy."""
    width: int = 1
    """Scales the built-in model."""
    threads: int | None = None
    """Threads of torch. None: torch's own number, or 1 for the built-in model of width 1."""

    def __post_init__(self) -> None:
        for name in ("requests", "bins", "batch_size", "repeats", "width"):
            _args.integer(name, getattr(self, name), low=1)
        if self.threads is not None:
            _args.integer("threads", self.threads, low=1)
