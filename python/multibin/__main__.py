"""Runs ``python -m multibin``, which is the command ``multibin``."""

from __future__ import annotations

import sys

from multibin.cli import main

if __name__ == "__main__":
    sys.exit(main())
