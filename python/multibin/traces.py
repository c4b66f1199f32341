"""Workloads: what a request brings (prompt tokens) and what it will take (output tokens)."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

__all__ = ["Trace", "chat", "read_csv"]

COLUMNS = ("TIMESTAMP", "ContextTokens", "GeneratedTokens")


@dataclass(frozen=True, eq=False)
class Trace:
    """Requests in their order of arrival: two int64 arrays of shape ``[n]``, in tokens."""

    prompt_tokens: NDArray[np.int64]
    output_tokens: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.prompt_tokens)

    def __getitem__(self, rows: slice) -> Trace:
        return Trace(self.prompt_tokens[rows], self.output_tokens[rows])

    def fitted(self, context: int) -> tuple[Trace, float]:
        """Both counts scaled by one factor, at most 1, so that the longest request has at most
        ``context`` tokens; counts stay at least 1. Returns the trace and the factor.
        """
        longest = int((self.prompt_tokens + self.output_tokens).max())
        factor = min(1.0, context / longest)
        prompt, output = (
            np.maximum(1, np.floor(tokens * factor)).astype(np.int64)
            for tokens in (self.prompt_tokens, self.output_tokens)
        )
        return Trace(prompt, output), factor


def chat(n: int, seed: int) -> Trace:
    """``n`` requests with the shape of real chat: output tokens log-normal, median 32, σ = 1,
    clipped to 1 … 256; prompt tokens log-normal, median 24, σ = 0.7, clipped to 4 … 128.
    """
    rng = np.random.default_rng(seed)
    output = _log_normal(rng, n, median=32, sigma=1.0, low=1, high=256)
    prompt = _log_normal(rng, n, median=24, sigma=0.7, low=4, high=128)
    return Trace(prompt, output)


def _log_normal(
    rng: np.random.Generator, n: int, *, median: float, sigma: float, low: int, high: int
) -> NDArray[np.int64]:
    lengths = np.ceil(rng.lognormal(np.log(median), sigma, n))
    return np.clip(lengths, low, high).astype(np.int64)


def read_csv(path: str | Path, rows: int | None = None) -> Trace:
    """Reads the columns ``TIMESTAMP,ContextTokens,GeneratedTokens`` of the Azure LLM inference
    traces, the first ``rows`` rows of them; timestamps are not read. Other columns may stand
    between them.

    Raises ``ValueError`` that names the file, and the line and column where there is one, for a
    file that cannot be read, a missing column, a count that is not a whole number of tokens ≥ 1,
    or no rows.
    """
    try:
        with open(path, newline="", encoding="utf-8-sig") as file:
            return _read(csv.DictReader(file), path, rows)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise ValueError(f"trace: cannot read {path}: {error}") from error


def _read(reader: csv.DictReader[str], path: str | Path, rows: int | None) -> Trace:
    missing = [column for column in COLUMNS if column not in (reader.fieldnames or ())]
    if missing:
        raise ValueError(f"trace: {path} has no column {missing[0]}, only {reader.fieldnames}")
    counts: list[tuple[int, int]] = []
    for row in reader:
        if rows is not None and len(counts) == rows:
            break
        prompt, output = (_count(row, column, path, reader.line_num) for column in COLUMNS[1:])
        counts.append((prompt, output))
    if not counts:
        raise ValueError(f"trace: {path} has no rows")
    prompt_tokens, output_tokens = np.array(counts, dtype=np.int64).T
    return Trace(prompt_tokens, output_tokens)


def _count(row: dict[str, str], column: str, path: str | Path, line: int) -> int:
    text = row[column]
    try:
        count = int(text)
    except (TypeError, ValueError):
        count = 0
    if not 1 <= count < 2**32:
        where = f"{path}, line {line}, column {column}"
        raise ValueError(f"trace: {where}: {text!r} is not a number of tokens >= 1")
    return count
