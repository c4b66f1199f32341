"""The command ``multibin``: finds the subcommand, runs it, and prints its errors."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from multibin.cli import _process

__all__ = ["main"]


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs a command and returns its exit status.

    0 is success. 1 is the negative answer of a command that has one, such as "no plan will do".
    2 is an error of arguments, files or the output. A failure inside multibin is 70, Ctrl-C is 130,
    and an output that its reader has closed is 141.

    Args:
        arguments: the words after ``multibin``; None takes those of this process. Then standard
            streams may be closed, and Ctrl-C ends imports at once.

    >>> from multibin.cli import main
    >>> main(["simulate", "no-such-file.csv"])  # Prints the error.
    2
    """
    if arguments is None:
        return _process.run(lambda: _run(sys.argv[1:]))
    return _run(arguments)


def _run(arguments: Sequence[str]) -> int:
    command = next((word for word in arguments if not word.startswith("-")), "")
    try:
        with _process.importing():
            from multibin.cli._parser import parser_of

            parser = parser_of(command)
        options = parser.parse_args(arguments)
        status = int(options.run(options))
        _process.flush()
    except BrokenPipeError:
        return _process.closed_output(141)
    except (ValueError, TypeError, OSError, ModuleNotFoundError) as error:
        title = f"multibin {command}".rstrip()
        print(f"{title}: error: {error}", file=sys.stderr)
        return _process.closed_output(2) if _process.cannot_write() else 2
    except KeyboardInterrupt:
        return 130
    return status
