"""Reads CSV files: a header, then a row per request."""

from __future__ import annotations

import csv
import warnings
from collections.abc import Generator
from contextlib import closing
from dataclasses import asdict
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from multibin.lab.traces import _clock
from multibin.lab.traces._columns import Raw, find
from multibin.lab.traces._exact import Row, exact

ENCODING = "utf-8-sig"


class CsvFile:
    """A CSV file whose header was read.

    The errors are those of ``find``, of ``csv`` and of the encoding, and ``OSError``.
    """

    def __init__(self, path: Path, times: bool) -> None:
        self.path = path
        with path.open(newline="", encoding=ENCODING) as file:
            reader = csv.reader(file)
            self.header = next(reader, [])
            self.header_lines = reader.line_num
        self.columns = find(self.header, path, times)

    def fast(self, rows: int | None, unit: float) -> Raw | None:
        """Returns the columns by numpy's reader, or None if that refuses the file.

        It also refuses some well-formed files.
        """
        names = asdict(self.columns)
        kinds = {"arrival": f"S{_clock.WIDTH}"}
        used = {role: name for role, name in names.items() if name is not None}
        dtype = [(role, kinds.get(role, "i8")) for role in used]
        try:
            table = self._load([self.header.index(name) for name in used.values()], dtype, rows)
        except (ValueError, Warning):
            return None
        times = _clock.seconds(table["arrival"], unit) if "arrival" in used else None
        predicted = table["predicted"] if "predicted" in used else None
        return Raw(times, table["prompt"], table["output"], predicted)

    def exact(self, rows: int | None, unit: float) -> Raw:
        """Returns the columns row by row, with the errors of the function ``exact``."""
        with closing(self._rows()) as all_rows:
            return exact(islice(all_rows, rows), self.columns, self.path, unit)

    def _load(
        self, positions: list[int], dtype: list[tuple[str, str]], rows: int | None
    ) -> NDArray[Any]:
        with warnings.catch_warnings():
            # Filters by message, as they hold for all threads meanwhile.
            warnings.filterwarnings("ignore", "Input line .* contained no data", UserWarning)
            warnings.filterwarnings("ignore", "loadtxt: input contained no data", UserWarning)
            warnings.filterwarnings("error", r"loadtxt\(\): Parsing an integer via a float")
            return np.loadtxt(
                self.path,
                dtype=dtype,
                comments=None,
                delimiter=",",
                quotechar='"',
                skiprows=self.header_lines,
                usecols=positions,
                max_rows=rows,
                ndmin=1,
                encoding=ENCODING,
            )

    def _rows(self) -> Generator[Row]:
        with self.path.open(newline="", encoding=ENCODING) as file:
            reader = csv.reader(file)
            next(reader)
            for row in reader:
                if row:
                    yield reader.line_num, dict(zip(self.header, row, strict=False))
