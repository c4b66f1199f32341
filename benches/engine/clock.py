"""Times the forward passes of a model, so that what is left is the engine's own time."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import wraps
from time import perf_counter
from typing import Any

__all__ = ["Clock"]


@dataclass
class Clock:
    """Forward passes while it is on.

    On a GPU `seconds` has the time to launch a pass only, as nothing waits for the device.
    """

    seconds: float = 0.0
    """Inside of `forward`."""
    passes: int = 0
    """All calls of `forward`."""
    steps: int = 0
    """Calls with one position a row."""

    @contextmanager
    def on(self, module: Any) -> Iterator[Clock]:
        """Replaces `module.forward` by one that counts, until the block ends."""
        forward, own = module.forward, vars(module).get("forward")

        @wraps(forward)
        def timed(*args: Any, **kwargs: Any) -> Any:
            began = perf_counter()
            try:
                return forward(*args, **kwargs)
            finally:
                self.count(
                    perf_counter() - began, kwargs.get("input_ids", args[0] if args else None)
                )

        module.forward = timed
        try:
            yield self
        finally:
            if own is None:
                del module.forward
            else:
                module.forward = own

    def count(self, seconds: float, input_ids: Any) -> None:
        """Adds a pass over `input_ids`, of one row each."""
        self.seconds += seconds
        self.passes += 1
        self.steps += input_ids is not None and input_ids.shape[-1] == 1
