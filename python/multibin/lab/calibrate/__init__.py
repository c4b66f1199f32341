"""Measures a cost table from batches of the engine. It needs torch.

``calibrate`` measures by ``Settings`` and returns a ``Calibration``; ``describe`` and ``as_json``
show it.
"""

from __future__ import annotations

from multibin.lab.calibrate._measure import Calibration, Validation, calibrate
from multibin.lab.calibrate._report import as_json, describe
from multibin.lab.calibrate._settings import Settings

__all__ = ["Calibration", "Settings", "Validation", "as_json", "calibrate", "describe"]
