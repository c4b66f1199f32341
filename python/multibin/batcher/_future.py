"""The future of an item, as type checkers see it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    import concurrent.futures
    from collections.abc import Generator

__all__ = ["Future"]

R = TypeVar("R")

if TYPE_CHECKING:

    class Future(concurrent.futures.Future[R]):
        """Is the class of the bindings, which waits in threads and in event loops."""

        def __await__(self) -> Generator[Any, Any, R]: ...

else:
    from multibin._core import Future
