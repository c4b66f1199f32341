"""A thousand random programs; ``make faults PROGRAMS=100000`` runs more."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.thread_unsafe(reason="processes of their own, as many as there are cores")
def test_programs_with_faults() -> None:
    command = [sys.executable, "-m", "tests.faults", "--programs", "1000", "--processes", "2"]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout[-20_000:] + run.stderr[-5_000:]
