"""Runs ``python -m multibin.cli``."""

from __future__ import annotations

import sys

if __name__ == "__main__":
    try:
        from multibin.cli import main
    except KeyboardInterrupt:
        sys.exit(130)
    sys.exit(main())
