"""The exceptions of multibin, besides ``ValueError``, ``TypeError`` and ``TimeoutError``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

__all__ = [
    "BatchError",
    "ClosedError",
    "ExpiredError",
    "FullError",
    "GenerationError",
    "MultibinError",
    "WorkerError",
    "WorkerTimeoutError",
]


class MultibinError(Exception):
    """Is the base of multibin's own errors.

    >>> issubclass(FullError, MultibinError)
    True
    """


class _Refused(MultibinError):
    """Refuses requests; its ``args`` are a message, ``accepted`` and ``first``.

    It has no ``__init__``, as the bindings raise it where no Python code may run.
    """

    @property
    def accepted(self) -> int:
        """The number of accepted requests of the call, a prefix: 0 for a single request."""
        return self.args[1] if len(self.args) > 1 else 0

    @property
    def first(self) -> int | None:
        """The first ticket of the accepted requests; ``None`` if nothing was accepted."""
        return self.args[2] if len(self.args) > 2 else None

    def __str__(self) -> str:
        return str(self.args[0]) if self.args else ""

    def __repr__(self) -> str:
        """Returns the message, and by name the other ``args`` that say something."""
        named = zip(("accepted", "first", "depth", "retry_after"), self.args[1:], strict=False)
        known = [f"{name}={value!r}" for name, value in named if value is not None]
        if self.accepted == 0:
            known = known[1:]
        return f"{type(self).__name__}({', '.join([repr(str(self)), *known])})"


class ClosedError(_Refused):
    """Says that the scheduler, the worker or the batcher is closed.

    >>> import multibin as mb
    >>> worker = mb.Scheduler(mb.Edges([0, 16]), 8).worker()
    >>> worker.close()
    >>> worker.next_batch()
    Traceback (most recent call last):
    multibin.errors.ClosedError: the worker is closed
    """


class FullError(_Refused):
    """Says that as many requests wait or are leased as the capacity.

    >>> import multibin as mb
    >>> scheduler = mb.Scheduler(mb.Edges([0, 16]), 2, capacity=2)
    >>> try:
    ...     scheduler.submit_many([7, 8, 9], [1, 2, 3])
    ... except mb.FullError as error:
    ...     print(error.accepted, error.first)
    2 0
    """

    @property
    def depth(self) -> int | None:
        """The requests that wait or run in the batcher; ``None``: the refusal is a scheduler's."""
        return self.args[3] if len(self.args) > 3 else None

    @property
    def retry_after(self) -> float | None:
        """The seconds after which room is expected; ``None``: unknown, or a scheduler's refusal."""
        return self.args[4] if len(self.args) > 4 else None


class ExpiredError(MultibinError, TimeoutError):
    """Says that the ``ttl`` of a request was over before a batch took it.

    >>> issubclass(ExpiredError, TimeoutError)
    True
    """


class BatchError(MultibinError):
    """Says that a function returned the wrong number or kind of results, or of progress.

    >>> issubclass(BatchError, MultibinError)
    True
    """


class WorkerError(MultibinError):
    """Says that the worker of a batch has failed; ``__cause__`` is what it raised, if anything.

    >>> issubclass(WorkerError, MultibinError)
    True
    """


class WorkerTimeoutError(WorkerError, TimeoutError):
    """Says that a batch ran longer than ``worker_timeout``.

    >>> issubclass(WorkerTimeoutError, WorkerError)
    True
    """


class GenerationError(MultibinError):
    """Says that the engine failed in some requests of a call; the others ran to their end.

    ``__cause__`` is the first error.

    >>> from multibin.errors import GenerationError
    >>> error = GenerationError("1 of 2 requests failed", ["the first output", None])
    >>> error.outputs[1] is None
    True
    """

    def __init__(self, message: str, outputs: Sequence[Any]) -> None:
        super().__init__(message, outputs)

    @property
    def outputs(self) -> Sequence[Any]:
        """The outputs in the order of the prompts; ``None`` for a request that failed."""
        return self.args[1]  # type: ignore[no-any-return]

    def __str__(self) -> str:
        return str(self.args[0])
