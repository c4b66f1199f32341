"""The process of a command: its standard streams, Ctrl-C at any moment, its exit status."""

from __future__ import annotations

import contextlib
import io
import os
import signal
import sys
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Any

__all__ = ["cannot_write", "closed_output", "flush", "importing", "run"]

FAILED = 70
"""The exit status of a failure inside multibin: no argument or file is to blame."""

_owned = False
"""Whether this process is the command, rather than a program that calls ``main``."""


def run(command: Callable[[], int]) -> int:
    """Runs a command as this process, and returns its exit status."""
    global _owned
    _owned = True
    try:
        _open_streams()
        _silence_bars()
        sys.unraisablehook = _unraisable
        status = _status(command)
    except KeyboardInterrupt:
        status = 130
    # The interpreter's own end would print a traceback.
    _at_interrupt(_leave)
    return status


def _status(command: Callable[[], int]) -> int:
    try:
        return command()
    except SystemExit as ended:
        # Argparse has printed a help text or an error.
        return _flushed(ended.code if isinstance(ended.code, int) else 2)
    except Exception:
        import traceback

        traceback.print_exc()
        return _flushed(FAILED)


def flush() -> None:
    """Writes what is left to print. A calling program may have no standard output."""
    if sys.stdout is not None:
        sys.stdout.flush()


def _flushed(status: int) -> int:
    try:
        flush()
    except BrokenPipeError:
        return closed_output(141)
    except OSError as error:
        print(f"multibin: error: {error}", file=sys.stderr)
        return closed_output(2)
    return status


def cannot_write() -> bool:
    """Returns whether what is left to print fails to be written."""
    try:
        flush()
    except OSError:
        return True
    return False


def closed_output(status: int) -> int:
    """Discards what is left to print, and returns the status."""
    # Python flushes once more at exit, which must not fail too.
    with contextlib.suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return status


def _open_streams() -> None:
    """Opens standard streams that are closed; what is written on stderr never fails.

    A closed input or output is opened the wrong way round. So its use is an error, and no other
    file gets its number.
    """
    for number, flags in enumerate((os.O_WRONLY, os.O_RDONLY, os.O_WRONLY)):
        try:
            os.fstat(number)
        except OSError:
            # The lowest free number is this one.
            os.open(os.devnull, flags)
    if sys.stdin is None:
        sys.stdin = open(0, closefd=False)  # noqa: SIM115
    if sys.stdout is None:
        sys.stdout = open(1, "w", closefd=False)  # noqa: SIM115
    encoding = getattr(sys.stderr, "encoding", None) or "utf-8"
    sys.stderr = io.TextIOWrapper(
        _Unfailing(2, "wb", closefd=False),
        encoding=encoding,
        errors="backslashreplace",
        line_buffering=True,
        write_through=True,
    )


def _silence_bars() -> None:
    """Leaves the bars of tqdm, which libraries draw too, to terminals."""
    if not sys.stderr.isatty():
        for variable in ("TQDM_DISABLE", "HF_HUB_DISABLE_PROGRESS_BARS"):
            os.environ.setdefault(variable, "1")


class _Unfailing(io.FileIO):
    """A file whose writes are dropped where they fail, as no reader is left."""

    def write(self, text: Any) -> int:
        try:
            return super().write(text)
        except OSError:
            return len(text)


@contextlib.contextmanager
def importing() -> Iterator[None]:
    """Lets Ctrl-C end the process at once, as imports turn an exception into others.

    Nothing is left half done by then. In a program that calls ``main`` nothing changes.
    """
    before = _at_interrupt(_leave) if _owned else None
    try:
        yield
    finally:
        if before is not None:
            _at_interrupt(before)


Handler = Callable[[int, FrameType | None], Any]


def _at_interrupt(handler: Handler) -> Handler | None:
    """Sets what Ctrl-C does and returns what it did; None where it is ignored, or set elsewhere."""
    before = signal.getsignal(signal.SIGINT)
    if before not in (signal.default_int_handler, _leave):
        return None
    try:
        signal.signal(signal.SIGINT, handler)
    except ValueError:
        # Only the main thread can.
        return None
    return before


def _leave(_number: int, _frame: FrameType | None) -> None:
    os._exit(130)


def _unraisable(unraisable: Any) -> None:
    """Repeats a Ctrl-C that fell into a destructor, where Python would only print it.

    A moment later, as raised here it would be lost too.
    """
    if issubclass(unraisable.exc_type, KeyboardInterrupt):
        import _thread
        import threading

        again = threading.Timer(0.01, _thread.interrupt_main)
        again.daemon = True
        again.start()
    else:
        sys.__unraisablehook__(unraisable)
