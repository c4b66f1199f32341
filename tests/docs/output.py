"""Compares what a block printed with what its page shows."""

from __future__ import annotations

import re


def differs(expected: str, printed: str) -> str | None:
    """Returns both texts if they differ; ``…`` in the expected one stands for anything."""
    wanted, got = _stripped(expected), _stripped(printed)
    pattern = ".*".join(re.escape(part) for part in wanted.split("…"))
    if re.fullmatch(pattern, got, re.DOTALL):
        return None
    return f"the page shows\n{wanted}\nbut the block printed\n{got}"


def _stripped(text: str) -> str:
    """Removes spaces at the ends of lines, and empty lines at the end."""
    return "\n".join(line.rstrip() for line in text.rstrip().split("\n"))
