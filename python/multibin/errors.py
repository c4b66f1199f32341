"""What multibin raises besides ``ValueError``, ``TypeError`` and ``TimeoutError``."""

from __future__ import annotations

__all__ = ["ClosedError", "FullError", "MultibinError"]


class MultibinError(Exception):
    """Base of the errors below."""


class ClosedError(MultibinError):
    """The scheduler or worker is closed."""


class FullError(MultibinError):
    """As many requests as the capacity wait or are leased.

    ``accepted`` is how many of the call were accepted, a prefix: 0 for a single request. ``first``
    is the first ticket of these (the others follow it), ``None`` if nothing was accepted.
    """

    def __init__(self, message: str, accepted: int = 0, first: int | None = None) -> None:
        super().__init__(message, accepted, first)
        self.accepted = accepted
        self.first = first

    def __str__(self) -> str:
        return str(self.args[0])
