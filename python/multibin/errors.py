"""What multibin raises besides ``ValueError``, ``TypeError`` and ``TimeoutError``."""

from __future__ import annotations

__all__ = ["ClosedError", "FullError", "MultibinError"]


class MultibinError(Exception):
    """Base of the errors below."""


class _Refused(MultibinError):
    """Arguments: a message, ``accepted`` and ``first``. There is no ``__init__`` here, as the bindings
    raise these where no Python code may run.
    """

    @property
    def accepted(self) -> int:
        """How many requests of the call were accepted, a prefix: 0 for a single request."""
        return self.args[1] if len(self.args) > 1 else 0

    @property
    def first(self) -> int | None:
        """The first ticket of these (the others follow it); ``None`` if nothing was accepted."""
        return self.args[2] if len(self.args) > 2 else None

    def __str__(self) -> str:
        return str(self.args[0]) if self.args else ""


class ClosedError(_Refused):
    """The scheduler or worker is closed."""


class FullError(_Refused):
    """As many requests as the capacity wait or are leased."""
