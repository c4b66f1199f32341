"""What the steps found: one line of JSON a result, written at once, and a page made from all."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from time import monotonic
from typing import Any

from benches.gpu.page import page

__all__ = ["Journal", "Record"]

Record = Mapping[str, Any]
"""A result: `kind` says of what; "step", "rate", "test" or "run"."""

INTERVAL = 2.0
"""Seconds between two pages, while tests run."""


class Journal:
    """A file of records, and beside it the page of the same name that shows them."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._renewed = -INTERVAL

    def add(self, kind: str, **values: Any) -> None:
        """Appends a record and renews the page, so that a run cut short has both.

        Tests are many: they renew the page once in a while only.
        """
        with self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps({"kind": kind} | values) + "\n")
        if kind != "test" or monotonic() - self._renewed >= INTERVAL:
            self.path.with_suffix(".md").write_text(page(self.read()), encoding="utf-8")
            self._renewed = monotonic()

    def read(self) -> list[Record]:
        """Returns all records; a last line that was cut short is left out."""
        if not self.path.exists():
            return []
        lines = self.path.read_text(encoding="utf-8").splitlines(keepends=True)
        return [json.loads(line) for line in lines if line.endswith("\n")]
