"""Cost tables measured from runs of the engine."""

from __future__ import annotations

from multibin.lab.calibrate._measure import Calibration, Validation, calibrate
from multibin.lab.calibrate._settings import Settings

__all__ = ["Calibration", "Settings", "Validation", "calibrate"]
