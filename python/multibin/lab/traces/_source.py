"""Where a trace comes from: the file, and what was made of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

__all__ = ["Source"]


@dataclass(frozen=True)
class Source:
    """What ``read`` found in a file, and how it took it.

    >>> from multibin.lab.traces import Source
    >>> source = Source("a.csv", "CSV", rows=5, left_out={"0 output tokens": 2})
    >>> source.kept, source.left_out["0 output tokens"]
    (3, 2)
    """

    path: str
    """The file, as it was named."""
    format: str
    """The format in words, such as "CSV" or "JSON lines of AIPerf, gzip"."""
    rows: int
    """The rows that were read: one a request, with those left out."""
    left_out: Mapping[str, int] = field(default_factory=dict)
    """The rows left out, by the reason in words; at least 1 each."""
    columns: Mapping[str, str] = field(default_factory=dict)
    """The names in the file by role: ``time``, ``prompt``, ``output``, ``predicted`` and others.

    A role that the file lacks is missing. Names of nested values are joined by dots."""
    time_unit: str | None = None
    """The unit of the times and why, in words. None: there are no times, or they are dates."""
    notes: tuple[str, ...] = ()
    """What else a user must know, a sentence each."""
    found: tuple[str, ...] = ()
    """The names of all columns of the file."""
    times_ignored: bool = False
    """The reader was asked to ignore times."""

    def __post_init__(self) -> None:
        for name in ("left_out", "columns"):
            object.__setattr__(self, name, MappingProxyType(dict(getattr(self, name))))

    @property
    def kept(self) -> int:
        """Returns the rows that are requests of the trace."""
        return self.rows - sum(self.left_out.values())
