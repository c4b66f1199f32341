"""Options that hold several numbers."""

from __future__ import annotations

__all__ = ["numbers"]


def numbers(name: str, given: str) -> tuple[int, ...]:
    """The whole numbers of "N,N,…", each once.

    Raises ``ValueError`` that names the argument, for anything else.
    """
    try:
        return tuple(dict.fromkeys(int(part) for part in given.split(",")))
    except ValueError as error:
        raise ValueError(f"{name}: {given!r} is not whole numbers with commas between") from error
