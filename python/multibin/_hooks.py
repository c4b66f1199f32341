"""What the bindings call in Python, each with one call.

They are called while the interpreter ends, too, when the globals of modules are gone: what a
function needs then is bound to its parameters.
"""

from __future__ import annotations

import logging
import sys
import warnings
from collections.abc import Callable

_LOGGER = logging.getLogger("multibin")

_LEASES = 'see "Leases" in docs/scheduling.md'


def log(level: int, lines: list[str]) -> None:
    """Writes lines to the logger ``multibin``."""
    for line in lines:
        _LOGGER.log(level, "%s", line)


def lost(
    rows: int,
    logs: bool,
    ends: Callable[[], bool] = sys.is_finalizing,
    warn: Callable[..., None] = warnings.warn,
    leases: str = _LEASES,
    logger: logging.Logger = _LOGGER,
) -> None:
    """Says that a batch was dropped with rows that are lost now."""
    if ends():
        return
    message = f"a batch was dropped without done(): {rows} rows are lost; {leases}"
    if logs:
        logger.warning("%s (said once for each scheduler)", message)
    warn(message, ResourceWarning, stacklevel=2)
