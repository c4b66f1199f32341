"""What the engine runs: the arguments of ``multibin demo``."""

from __future__ import annotations

from dataclasses import dataclass

from multibin import _args

__all__ = ["ChatSettings", "EngineSettings"]


@dataclass(frozen=True)
class EngineSettings:
    """The model, the requests and the bins; raises an error for a value out of range.

    >>> from multibin.lab.compare.engine import EngineSettings
    >>> EngineSettings(requests=24, bins=3, batch_size=4).repeats
    3
    """

    model: str | None = None
    """A folder or hub id. None: the built-in model."""
    gguf_file: str | None = None
    """A file in that folder, in the format GGUF."""
    trace: str | None = None
    """A file that ``multibin.lab.traces.read`` reads. None: chat-like lengths."""
    columns: str | None = None
    """The names of its columns, "prompt=…,output=…". None: known names."""
    time_unit: str | float | None = None
    """The unit of its times, which are ignored."""
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
        _check(self, "requests", "bins", "batch_size", "repeats", "width")
        for name in ("columns", "time_unit"):
            if self.trace is None and (value := getattr(self, name)) is not None:
                raise ValueError(_args.sentence(name, "left out without a trace", value))


@dataclass(frozen=True)
class ChatSettings:
    """A model that answers the built-in prompts; raises an error for a value out of range.

    >>> from multibin.lab.compare.engine import ChatSettings
    >>> ChatSettings("path/or/hub-id", max_tokens=64).bins
    6
    """

    model: str
    """A folder or hub id, with a tokenizer."""
    gguf_file: str | None = None
    """A file in that folder, in the format GGUF."""
    bins: int = 6
    batch_size: int = 8
    repeats: int = 1
    """Runs of each policy."""
    max_tokens: int = 256
    """The most tokens of an answer."""
    threads: int | None = None
    """Threads of torch. None: torch's own number."""

    def __post_init__(self) -> None:
        _check(self, "bins", "batch_size", "repeats", "max_tokens")


def _check(settings: EngineSettings | ChatSettings, *names: str) -> None:
    """Checks the counts of these names, and the number of threads."""
    for name in names:
        _args.integer(name, getattr(settings, name), low=1)
    if settings.threads is not None:
        _args.integer("threads", settings.threads, low=1)
