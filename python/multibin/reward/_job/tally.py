"""Counts how often the first wrong step was found, line by line."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import astuple
from math import isnan
from typing import Any

from multibin._args import number
from multibin.llm._jobs.lines import json_object
from multibin.reward.evaluate import FirstErrors, ProcessBench, process_bench
from multibin.reward.evaluate._process_bench import first_wrong

__all__ = ["Tally", "table"]

HEADER = ("split", "errors", "correct", "acc. errors", "acc. correct", "F1")


class Tally:
    """Counts of the answers to rows of ProcessBench.

    >>> from multibin.reward._job.tally import Tally
    >>> tally = Tally()
    >>> tally.add({"id": "math-1", "label": 1, "scores": [[0.9, 0.2]]})
    >>> tally.result().splits["math"].acc_error
    1.0

    Args:
        threshold: the least score of a good step.
    """

    def __init__(self, threshold: float = 0.5) -> None:
        self.threshold = number("threshold", threshold)
        self._splits: dict[str, FirstErrors] = {}

    def add(self, found: Mapping[str, Any]) -> None:
        """Counts an answer with a label; one without has no effect.

        Raises:
            ValueError: the label is no index of a step, or there are several candidates.
        """
        if found.get("label") is None or "scores" not in found:
            return
        scores = found["scores"]
        if len(scores) != 1:
            raise ValueError(f"the label must be of one candidate, got {len(scores)} candidates")
        first_wrong("label", found["label"], len(scores[0]))
        # Its texts are not needed any more.
        row = {**found, "problem": "", "steps": ["-"] * len(scores[0])}
        for split, counts in process_bench([row], scores, self.threshold).splits.items():
            self._splits[split] = _sum(self._splits.get(split, FirstErrors(0, 0, 0, 0)), counts)

    def read(self, name: str) -> None:
        """Counts the answers of a file.

        Raises:
            OSError: the file cannot be read.
            ValueError: it has another line than such an answer.
        """
        with open(name, "rb") as file:
            for line in file:
                self.add(json_object(line))

    def result(self) -> ProcessBench | None:
        """Returns what was counted; None: no answer had a label."""
        if not self._splits:
            return None
        overall = FirstErrors(0, 0, 0, 0)
        for counts in self._splits.values():
            overall = _sum(overall, counts)
        return ProcessBench(dict(self._splits), overall)


def table(found: ProcessBench) -> str:
    """Returns accuracies and F1 by split, in percent, as lines of text."""
    rows = [HEADER, *(_row(name or "-", counts) for name, counts in found.splits.items())]
    rows.append(_row("all", found.overall))
    widths = [max(len(row[at]) for row in rows) for at in range(len(HEADER))]
    lines = [
        "  ".join([row[0].ljust(widths[0]), *map(str.rjust, row[1:], widths[1:])]) for row in rows
    ]
    return "\n".join([*lines, f"mean F1 of the splits: {_percent(found.mean_f1)}"])


def _row(name: str, counts: FirstErrors) -> tuple[str, ...]:
    shares = (counts.acc_error, counts.acc_correct, counts.f1)
    return (name, str(counts.errors), str(counts.correct), *map(_percent, shares))


def _percent(share: float) -> str:
    return "-" if isnan(share) else f"{100 * share:.1f}"


def _sum(one: FirstErrors, other: FirstErrors) -> FirstErrors:
    return FirstErrors(*map(sum, zip(astuple(one), astuple(other), strict=True)))
