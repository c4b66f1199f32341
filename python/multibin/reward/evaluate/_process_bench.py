"""ProcessBench (arXiv 2412.06559): finds the first wrong step of a solution."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from multibin import _args
from multibin._args import Ints
from multibin.reward.choose._ragged import ragged
from multibin.reward.evaluate import _files
from multibin.reward.evaluate._first import NONE, check_labels, first_errors, harmonic
from multibin.reward.evaluate._rows import check_steps, listed

__all__ = [
    "FirstErrors",
    "ProcessBench",
    "ProcessBenchRow",
    "process_bench",
    "read_process_bench",
]


@dataclass(frozen=True)
class ProcessBenchRow:
    """A solution and its first wrong step.

    >>> from multibin.reward.evaluate import ProcessBenchRow
    >>> ProcessBenchRow("1 + 1 + 1?", ("1 + 1 = 3", "3 + 1 = 4"), label=0, split="gsm8k").steps
    ('1 + 1 = 3', '3 + 1 = 4')
    """

    problem: str
    steps: tuple[str, ...]
    label: int
    """The index of the first wrong step, or −1."""
    split: str = ""
    id: str = ""
    generator: str = ""
    """The model that wrote the solution."""
    final_answer_correct: bool | None = None


@dataclass(frozen=True)
class FirstErrors:
    """How often the first wrong step was found. A share of no solutions is NaN.

    >>> from multibin.reward.evaluate import FirstErrors
    >>> FirstErrors(errors=4, correct=2, errors_found=1, correct_found=1).f1
    0.3333333333333333
    """

    errors: int
    """Solutions with a wrong step."""
    correct: int
    """Solutions without."""
    errors_found: int
    """Of the solutions with a wrong step, those whose first one was found."""
    correct_found: int
    """Of the solutions without, those in which none was found."""

    @property
    def acc_error(self) -> float:
        """Returns the accuracy on solutions with a wrong step."""
        return self.errors_found / self.errors if self.errors else float("nan")

    @property
    def acc_correct(self) -> float:
        """Returns the accuracy on solutions without a wrong step."""
        return self.correct_found / self.correct if self.correct else float("nan")

    @property
    def f1(self) -> float:
        """Returns the harmonic mean of the two accuracies; 0 if both are 0."""
        return float(harmonic(np.array(self.acc_error), np.array(self.acc_correct)))


@dataclass(frozen=True)
class ProcessBench:
    """The result of each split, and of all solutions together.

    >>> from multibin.reward.evaluate import ProcessBenchRow, process_bench
    >>> rows = [ProcessBenchRow("q", ("a", "b"), label) for label in (1, -1)]
    >>> found = process_bench(rows, [[0.9, 0.2], [0.8, 0.4]])
    >>> found.overall.acc_error, found.overall.acc_correct, found.mean_f1
    (1.0, 0.0, 0.0)
    """

    splits: dict[str, FirstErrors]
    overall: FirstErrors

    @property
    def mean_f1(self) -> float:
        """Returns the mean of the splits' F1: the average that the benchmark reports."""
        return float(np.mean([split.f1 for split in self.splits.values()]))


def process_bench(
    rows: str | Path | Sequence[ProcessBenchRow | Mapping[str, Any]],
    scores: Sequence[ArrayLike],
    threshold: float = 0.5,
) -> ProcessBench:
    """Returns how often the first step below the threshold is the first wrong one.

    Args:
        rows: a file, a folder, or its rows, as objects or as mappings with the file's fields.
        scores: scores of the steps of each row, in the order of the rows.
        threshold: the least score of a good step. `best_threshold` finds one for a model on other
            solutions than these.

    Raises:
        ValueError: the file does not fit, or ``scores`` are not one for each step of each row.

    >>> from multibin.reward.evaluate import process_bench
    >>> row = {"id": "math-7", "problem": "q", "steps": ["a", "b"], "label": 1}
    >>> process_bench([row], [[0.9, 0.3]]).splits["math"].acc_error
    1.0
    """
    solutions = _solutions(rows)
    given = ragged("scores", listed("scores", scores))
    steps = np.array([len(row.steps) for row in solutions], np.int64)
    check_steps(given, steps)
    threshold = _args.number("threshold", threshold)
    labels = check_labels(np.array([row.label for row in solutions]), steps)
    found = first_errors(given, threshold) == labels
    names = [row.split for row in solutions]
    splits = {
        name: _counted(labels, found, np.array([other == name for other in names]))
        for name in dict.fromkeys(names)
    }
    return ProcessBench(splits, _counted(labels, found, np.ones(len(names), np.bool_)))


def read_process_bench(path: str | Path) -> list[ProcessBenchRow]:
    """Returns the rows of a file of ProcessBench, or of all files of a folder.

    A file is JSON with a list, or an object a line, with the fields ``problem``, ``steps`` and
    ``label``. The fields ``id``, ``generator`` and ``final_answer_correct`` may be there. The split
    is the field ``split``, or what stands before the last "-" of the id, or the file's name.

    Raises:
        ValueError: a file cannot be read, or a field is missing or malformed.

    >>> import tempfile
    >>> from multibin.reward.evaluate import read_process_bench
    >>> with tempfile.NamedTemporaryFile("w", suffix=".jsonl") as file:
    ...     _ = file.write('{"id": "gsm8k-0", "problem": "q", "steps": ["a"], "label": -1}')
    ...     file.flush()
    ...     (row,) = read_process_bench(file.name)
    >>> row.split, row.steps, row.label
    ('gsm8k', ('a',), -1)
    """
    return [_row(*row) for row in _files.rows(path)]


def _solutions(
    rows: str | Path | Sequence[ProcessBenchRow | Mapping[str, Any]],
) -> Sequence[ProcessBenchRow]:
    if isinstance(rows, str | Path):
        return read_process_bench(rows)
    if not len(rows):
        raise ValueError("rows must have at least one row, got 0")
    return [
        row if isinstance(row, ProcessBenchRow) else _row(f"rows[{i}]", "", dict(row))
        for i, row in enumerate(rows)
    ]


def _row(place: str, stem: str, row: dict[str, Any]) -> ProcessBenchRow:
    steps = _files.texts(place, row, "steps")
    label = first_wrong(f"{place}: label", _files.field(place, row, "label"), len(steps))
    name = str(row.get("id", ""))
    return ProcessBenchRow(
        problem=_files.text(place, row, "problem"),
        steps=steps,
        label=label,
        split=str(row.get("split") or name.rpartition("-")[0] or stem),
        id=name,
        generator=str(row.get("generator", "")),
        final_answer_correct=row.get("final_answer_correct"),
    )


def first_wrong(name: str, label: object, steps: int) -> int:
    """Returns the label of a solution, or raises a ``ValueError`` if it is no index of a step."""
    if type(label) is not int or not NONE <= label < steps:
        # 1.0 is shown as such: "got 1" would read as an int.
        got = repr(label) if isinstance(label, float) else _args.shown(label)
        raise ValueError(f"{name} must be -1 or an index of the {steps} steps, got {got}")
    return label


def _counted(labels: Ints, found: Any, of: Any) -> FirstErrors:
    wrong = labels != NONE
    return FirstErrors(*_sums(wrong & of, ~wrong & of, wrong & of & found, ~wrong & of & found))


def _sums(*masks: Any) -> Iterator[int]:
    return (int(mask.sum()) for mask in masks)
