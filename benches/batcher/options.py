"""How much a figure runs."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Options"]


@dataclass(frozen=True)
class Options:
    """What the command line says."""

    runs: int | None
    texts: int
    seed: int

    def rounds(self, usual: int) -> int:
        """Returns the rounds of a figure: its own number unless the command line has one."""
        return self.runs or usual
