"""Ctrl-C between two steps, so that it finds the engine at rest."""

from __future__ import annotations

import signal
import threading
from types import FrameType
from typing import Self

__all__ = ["Interrupts"]


class Interrupts:
    """Holds back a first Ctrl-C until `check` or the end; a second one is raised at once.

    It acts in the main thread, and where the process has Python's own handler. Elsewhere signals
    are left as they are.
    """

    def __init__(self) -> None:
        self._noted = False
        self._active = False

    def __enter__(self) -> Self:
        main = threading.current_thread() is threading.main_thread()
        if main and signal.getsignal(signal.SIGINT) is signal.default_int_handler:
            signal.signal(signal.SIGINT, self._note)
            self._active = True
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if self._active:
            signal.signal(signal.SIGINT, signal.default_int_handler)
            self._active = False
        if kind is None:
            self.check()

    def check(self) -> None:
        """Raises the `KeyboardInterrupt` that was held back, if any."""
        if self._noted:
            self._noted = False
            raise KeyboardInterrupt

    def _note(self, _signal: int, _frame: FrameType | None) -> None:
        self._noted = not self._noted
        if not self._noted:
            # The one error stands for both.
            raise KeyboardInterrupt
