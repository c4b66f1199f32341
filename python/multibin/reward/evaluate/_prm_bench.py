"""PRMBench (arXiv 2501.03124): tells good steps from bad ones, by class of error."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from multibin import _args
from multibin._args import Ints
from multibin.reward.choose._ragged import Ragged, ragged
from multibin.reward.evaluate import _files
from multibin.reward.evaluate._rows import check_steps, listed

__all__ = ["PrmBench", "PrmBenchRow", "StepCounts", "prm_bench", "read_prm_bench"]

CORRECT = "correct"
"""The class of original solutions. The totals leave it out, as the benchmark's do."""

WITH_ORIGINAL = "redundency"
"""The class, as the files spell it, whose rows give the original solutions."""


@dataclass(frozen=True)
class PrmBenchRow:
    """A solution, and which of its steps are wrong.

    >>> from multibin.reward.evaluate import PrmBenchRow
    >>> PrmBenchRow("q", ("a", "b", "c"), (2, 3), "circular").error_steps
    (2, 3)
    """

    question: str
    steps: tuple[str, ...]
    error_steps: tuple[int, ...]
    """Numbers of the wrong steps, counted from 1. Those behind the last step have no effect."""
    classification: str
    """The class of the error, "correct" for an original solution."""
    id: str = ""

    def __post_init__(self) -> None:
        """Refuses numbers of steps that are counted from 0."""
        for number in self.error_steps:
            _args.integer("error_steps", number, 1)


@dataclass(frozen=True)
class StepCounts:
    """Steps by what they are and what the scores say; a good step is a positive.

    >>> from multibin.reward.evaluate import StepCounts
    >>> counts = StepCounts(good_kept=3, bad_kept=1, good_refused=1, bad_refused=1)
    >>> counts.f1_good, counts.f1_bad, counts.score
    (0.75, 0.5, 0.625)
    """

    good_kept: int
    """Good steps with a score above the threshold."""
    bad_kept: int
    """Bad steps with a score above the threshold."""
    good_refused: int
    """Good steps with another score."""
    bad_refused: int
    """Bad steps with another score."""
    solutions: int = 0
    """Solutions with a bad step."""
    first_refused: int = 0
    """Of these, those whose first bad step is refused."""

    @property
    def f1_good(self) -> float:
        """Returns the F1 of good steps; NaN if there are none, and none is kept."""
        return _f1(self.good_kept, self.bad_kept + self.good_refused)

    @property
    def f1_bad(self) -> float:
        """Returns the F1 of bad steps; NaN if there are none, and none is refused."""
        return _f1(self.bad_refused, self.bad_kept + self.good_refused)

    @property
    def score(self) -> float:
        """Returns the PRMScore, the mean of both F1."""
        return (self.f1_good + self.f1_bad) / 2

    @property
    def first_error_accuracy(self) -> float:
        """Returns the share of solutions whose first bad step is refused; NaN without any."""
        return self.first_refused / self.solutions if self.solutions else float("nan")


@dataclass(frozen=True)
class PrmBench:
    """The counts of each class of error, and of all of them together.

    >>> from multibin.reward.evaluate import PrmBenchRow, prm_bench
    >>> rows = [PrmBenchRow("q", ("a", "b"), (2,), "deception")]
    >>> prm_bench(rows, [[0.9, 0.1]]).overall.score
    1.0
    """

    classes: dict[str, StepCounts]
    """By the names in the file; "correct" stands for the original solutions."""
    overall: StepCounts
    """All steps of all classes except "correct"."""


def prm_bench(
    rows: str | Path | Sequence[PrmBenchRow | Mapping[str, Any]],
    scores: Sequence[ArrayLike],
    threshold: float = 0.5,
) -> PrmBench:
    """Returns how well a threshold tells good steps from bad ones.

    A step is kept if its score is above the threshold, as in the benchmark's code. (`first_error`
    and ProcessBench also keep a score that equals it.)

    Args:
        rows: a file or a folder, read by `read_prm_bench`; or rows, as objects or as mappings with
            the names of `PrmBenchRow`.
        scores: scores of the steps of each row, in the order of the rows.
        threshold: above it a step is good.

    Raises:
        ValueError: the file does not fit, or ``scores`` are not one for each step of each row.

    >>> from multibin.reward.evaluate import PrmBenchRow, prm_bench
    >>> row = PrmBenchRow("q", ("a", "b", "c"), (2,), "circular")
    >>> found = prm_bench([row], [[0.9, 0.3, 0.2]]).classes["circular"]
    >>> round(found.score, 3), found.first_error_accuracy
    (0.667, 1.0)
    """
    solutions = _solutions(rows)
    given = ragged("scores", listed("scores", scores))
    check_steps(given, np.array([len(row.steps) for row in solutions], np.int64))
    counts = _counts(solutions, given, _args.number("threshold", threshold))
    names = np.array([row.classification for row in solutions])
    classes = {str(name): _summed(counts[names == name]) for name in dict.fromkeys(names.tolist())}
    return PrmBench(classes, _summed(counts[names != CORRECT]))


def read_prm_bench(path: str | Path) -> list[PrmBenchRow]:
    """Returns the rows of a file of PRMBench, or of all files of a folder.

    Read are ``idx``, ``modified_question``, ``modified_process``, ``error_steps`` and
    ``classification``. A row of the class ``redundency`` also gives its original solution, with
    ``original_question`` and ``original_process``, as a row of the class ``correct``. A second row
    with the same class and ``idx`` is left out.

    Raises:
        ValueError: a file cannot be read, or a field is missing or malformed.

    >>> import json, tempfile
    >>> from multibin.reward.evaluate import read_prm_bench
    >>> row = {"idx": "a", "modified_question": "q", "modified_process": ["s", "t"]}
    >>> row |= {"error_steps": [2], "classification": "circular"}
    >>> with tempfile.NamedTemporaryFile("w", suffix=".jsonl") as file:
    ...     _ = file.write(json.dumps(row))
    ...     file.flush()
    ...     print(read_prm_bench(file.name)[0].error_steps)
    (2,)
    """
    found: dict[tuple[str, str], PrmBenchRow] = {}
    for place, _, row in _files.rows(path):
        for solution in _read(place, row):
            found.setdefault((solution.classification, solution.id), solution)
    return [*found.values()]


def _read(place: str, row: dict[str, Any]) -> Iterator[PrmBenchRow]:
    """Yields the original solution if the row gives it, and the modified one."""
    kind, name = _files.text(place, row, "classification"), str(_files.field(place, row, "idx"))
    if kind == WITH_ORIGINAL:
        question = _files.text(place, row, "original_question")
        steps = _files.texts(place, row, "original_process")
        yield PrmBenchRow(question, steps, (), CORRECT, name)
    question = _files.text(place, row, "modified_question")
    steps = _files.texts(place, row, "modified_process")
    yield PrmBenchRow(question, steps, _error_steps(place, row), kind, name)


def _error_steps(place: str, row: dict[str, Any]) -> tuple[int, ...]:
    numbers = _files.integers(place, row, "error_steps")
    for number in numbers:
        _args.integer(f"{place}: error_steps", number, 1)
    return numbers


def _solutions(
    rows: str | Path | Sequence[PrmBenchRow | Mapping[str, Any]],
) -> Sequence[PrmBenchRow]:
    if isinstance(rows, str | Path):
        return read_prm_bench(rows)
    if not len(rows):
        raise ValueError("rows must have at least one row, got 0")
    return [
        row if isinstance(row, PrmBenchRow) else _given(f"rows[{i}]", dict(row))
        for i, row in enumerate(rows)
    ]


def _given(place: str, row: dict[str, Any]) -> PrmBenchRow:
    return PrmBenchRow(
        question=_files.text(place, row, "question"),
        steps=_files.texts(place, row, "steps"),
        error_steps=_error_steps(place, row),
        classification=_files.text(place, row, "classification"),
        id=str(row.get("id", "")),
    )


def _counts(rows: Sequence[PrmBenchRow], given: Ragged, threshold: float) -> Ints:
    """Returns the fields of `StepCounts` for each row, shape ``[rows, 6]``."""
    counts = [_count(row, of > threshold) for row, of in zip(rows, given.rows(), strict=True)]
    return np.array(counts, np.int64)


def _count(row: PrmBenchRow, kept: NDArray[np.bool_]) -> tuple[int, ...]:
    errors = [number - 1 for number in row.error_steps if number <= kept.size]
    bad = np.zeros(kept.size, np.bool_)
    bad[errors] = True
    first = bool(errors) and not kept[min(errors)]
    steps = [(~bad & kept), (bad & kept), (~bad & ~kept), (bad & ~kept)]
    return (*(int(mask.sum()) for mask in steps), int(bool(errors)), int(first))


def _summed(counts: Ints) -> StepCounts:
    return StepCounts(*counts.sum(0).tolist())


def _f1(right: int, wrong: int) -> float:
    """Returns F1 from the right decisions for a side, and the wrong ones for or against it."""
    return 2 * right / (2 * right + wrong) if right + wrong else float("nan")
