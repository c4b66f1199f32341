"""Options that hold several numbers."""

from __future__ import annotations

from multibin import _args

__all__ = ["numbers"]


def numbers(name: str, text: str) -> tuple[int, ...]:
    """Returns the integers of "N,N,…", each once, or raises a ``ValueError``.

    >>> from multibin.cli._numbers import numbers
    >>> numbers("bins", "1,4,4,8")
    (1, 4, 8)
    """
    try:
        return tuple(dict.fromkeys(int(part) for part in text.split(",")))
    except ValueError:
        raise ValueError(_args.sentence(name, "integers with commas between", text)) from None
