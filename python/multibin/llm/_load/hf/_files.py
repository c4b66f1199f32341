"""Files of a checkpoint on a hub."""

from __future__ import annotations

from pathlib import Path

from transformers.utils import cached_file


def hub_file(name: str, file: str) -> Path | None:
    """Returns where a file of a hub id lies once it is fetched, None if there is none."""
    found = cached_file(name, file, _raise_exceptions_for_missing_entries=False)
    return None if found is None else Path(found)
