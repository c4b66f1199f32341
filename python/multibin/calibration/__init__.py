"""Cost tables measured from runs of the engine."""

from __future__ import annotations

from multibin.calibration.measure import Calibration, Validation, calibrate
from multibin.calibration.settings import Settings

__all__ = ["Calibration", "Settings", "Validation", "calibrate"]
