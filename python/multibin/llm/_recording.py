"""Records the requests of an engine when they end."""

from __future__ import annotations

import math
import os
from contextlib import suppress
from time import perf_counter, time
from typing import TYPE_CHECKING, TypeAlias

from multibin import Recording
from multibin._core import recording

if TYPE_CHECKING:
    from multibin.llm._engine.request import Request

__all__ = ["Log", "Record"]

Record: TypeAlias = Recording | str | os.PathLike[str]

ENDS = {
    "stop": "finished",
    "length": "finished",
    "abort": "cancelled",
    "expired": "expired",
    "error": "failed",
}
"""What a record calls each `finish_reason`."""

DRIFT = 0.1
"""Seconds by which two clocks may drift apart before they are compared again."""

PATIENCE = 1.0
"""Seconds that the end of an engine waits for the file."""


class Log:
    """The recording of an engine.

    Raises:
        ValueError, TypeError: those of `Recording`; the message names `record`.
    """

    def __init__(self, record: Record) -> None:
        self.recording = recording(record)
        self._is_own = self.recording is not record
        self._origin = 0.0
        """Seconds from the epoch to 0 of `perf_counter`; it stays while it is about right."""

    def add(self, request: Request) -> None:
        """Records a request that has ended just now."""
        now, origin = perf_counter(), time() - perf_counter()
        if abs(origin - self._origin) > DRIFT:
            self._origin = origin
        first = request.first_token_time
        self.recording.write(
            arrival=self._origin + request.called_time,
            end=ENDS[str(request.finish_reason)],  # type: ignore[arg-type]
            prompt_tokens=len(request.prompt_tokens),
            predicted_tokens=request.length,
            output_tokens=len(request.tokens),
            time_to_first_token=None if math.isnan(first) else first - request.called_time,
            latency=now - request.called_time,
        )

    def end(self) -> None:
        """Waits for the file for a while, and closes a recording that is the engine's own."""
        finish = self.recording.close if self._is_own else self.recording.flush
        with suppress(TimeoutError):
            finish(PATIENCE)
