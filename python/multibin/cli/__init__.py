"""The command ``multibin``, one module a subcommand.

Such a module has ``HELP``, ``arguments(parser)`` and ``run(options)``, which returns the exit
status. What takes long to import, ``run`` imports.
"""

from __future__ import annotations

from multibin.cli._main import main

__all__ = ["main"]
