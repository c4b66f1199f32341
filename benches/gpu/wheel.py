"""Unpacks the wheel that a machine without cargo gets."""

from __future__ import annotations

import zipfile
from pathlib import Path

__all__ = ["unpack"]


def unpack(folder: Path, into: Path) -> Path:
    """Unpacks the one wheel in a folder, and returns where its packages are.

    Nothing is installed, so that no environment changes and no index is asked.

    Raises:
        ValueError: there is no wheel, or several.
    """
    wheels = sorted(folder.glob("multibin-*.whl"))
    if len(wheels) != 1:
        raise ValueError(
            f"{folder} must hold one wheel of multibin, got {len(wheels)}: `make wheel`"
        )
    place = into / wheels[0].stem
    with zipfile.ZipFile(wheels[0]) as archive:
        archive.extractall(place)
    return place
