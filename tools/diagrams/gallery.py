"""The names of the diagrams, and what draws them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from tools.diagrams import counters, life, locks, wake_up
from tools.diagrams.svg import Picture

__all__ = ["FOLDER", "PICTURES"]

FOLDER = Path(__file__).parents[2] / "docs/pictures"
PICTURES: dict[str, Callable[[], Picture]] = {
    "counters": counters.draw,
    "life": life.draw,
    "locks": locks.draw,
    "wake-up": wake_up.draw,
}
