"""The trace that the commands read."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

ROWS = 400


@pytest.fixture(autouse=True)
def _a_trace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Lengths from 1 to 200, most of them short, a request every 1.7 seconds or so."""
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    lengths = 1 + (199 * rng.random(ROWS) ** 3).astype(int)
    times = np.cumsum(rng.exponential(1.7, ROWS))
    rows = [f"{t:.6f},{7 + i % 5},{n}" for i, (t, n) in enumerate(zip(times, lengths, strict=True))]
    Path("trace.csv").write_text("timestamp,prompt_tokens,output_tokens\n" + "\n".join(rows))
