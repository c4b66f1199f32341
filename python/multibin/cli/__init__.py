"""The command ``multibin``, one module a subcommand.

Such a module has ``arguments(parser)`` and ``run(options)``, which returns the exit status. Its
line of help is in ``_commands``. It is imported when it is asked for.
"""

from __future__ import annotations

from multibin.cli._main import main

__all__ = ["main"]
