"""A job: questions with candidates in, scores out, a bounded window of lines at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from multibin.llm._jobs import Result
from multibin.llm._jobs.answers import json_line
from multibin.llm._jobs.lines import skip
from multibin.llm._jobs.output import Output
from multibin.reward._arguments import as_group
from multibin.reward._job.answers import Settings, answer, failure
from multibin.reward._job.lines import Task, parse
from multibin.reward._job.tally import Tally
from multibin.reward._model import WINDOW, RewardModel
from multibin.reward._questions import by_question
from multibin.reward._reader import Row

__all__ = ["run_job"]


@dataclass
class Slot:
    """A line in memory: its answer is there once it is scored."""

    number: int
    line: bytes
    task: Task | None = None
    rows: list[Row] = field(default_factory=list)
    answer: bytes | None = None
    error: BaseException | None = None

    @property
    def tokens(self) -> int:
        """Returns the tokens of its candidates, each with the question."""
        return sum(len(row.encoded.ids) for row in self.rows)

    def fail(self, error: BaseException) -> None:
        """Makes the error its answer."""
        self.error, self.answer = error, json_line(failure(self.number, self.line, error))


def run_job(
    model: RewardModel,
    lines: Iterator[bytes],
    target: str,
    settings: Settings,
    result: Result,
    *,
    tally: Tally | None = None,
    report: Callable[[Result], object] = lambda _: None,
) -> None:
    """Scores the lines that have no answer in `target` yet, in their order.

    Args:
        model: scores them.
        lines: the input.
        target: a file, or "-" for the standard output.
        settings: what the job writes.
        result: counts what the job does.
        tally: counts first errors that were found, those of an earlier run included.
        report: called when answers are written.

    Raises:
        OSError: the output cannot be written.
        ValueError: the output is not of this input, or another run writes it.
    """
    numbered = enumerate(lines, 1)
    with Output(target) as output:
        result.skipped += skip(numbered, output.done)
        if tally is not None and output.done.line:
            tally.read(target)
        job = Job(model, numbered, settings, tally)
        for slots in job.windows():
            output.write([slot.answer for slot in slots if slot.answer is not None])
            for slot in slots:
                if slot.error is not None:
                    result.fail(slot.number, slot.error)
            result.answered += len(slots)
            report(result)


class Job:
    """Reads a window of lines, and scores their candidates together."""

    def __init__(
        self,
        model: RewardModel,
        lines: Iterator[tuple[int, bytes]],
        settings: Settings,
        tally: Tally | None,
    ) -> None:
        self._model = model
        self._lines = lines
        self._settings = settings
        self._tally = tally

    def windows(self) -> Iterator[list[Slot]]:
        """Yields windows of lines with their answers."""
        while slots := self._read():
            self._score([slot for slot in slots if slot.answer is None])
            yield slots

    def _read(self) -> list[Slot]:
        """Returns the next lines that are not blank, none at the end."""
        slots: list[Slot] = []
        room = WINDOW * self._model.max_tokens
        while room > 0 and len(slots) < self._settings.window:
            number, line = next(self._lines, (0, b""))
            if not number:
                break
            if line.strip():
                slots.append(self._taken(Slot(number, line)))
                room -= slots[-1].tokens
        return slots

    def _taken(self, slot: Slot) -> Slot:
        try:
            slot.task = parse(slot.line)
            group = as_group(slot.task.question, slot.task.candidates, "question", "candidates")
            slot.rows = self._model._reader.rows(group)
        except Exception as error:
            slot.fail(error)
        return slot

    def _score(self, slots: list[Slot]) -> None:
        """Scores lines; of those that fail together, each half again."""
        if not slots:
            return
        try:
            logits = self._logits(slots)
        except Exception as error:
            if len(slots) == 1:
                slots[0].fail(error)
                return
            half = len(slots) // 2
            self._score(slots[:half])
            self._score(slots[half:])
            return
        for slot, several in zip(slots, logits, strict=True):
            self._answer(slot, several)

    def _logits(self, slots: list[Slot]) -> list[list[Any]]:
        """Returns the logits of the candidates of each line; equal questions are computed once."""
        groups = by_question([slot.task.question for slot in slots if slot.task is not None])
        rows = [[row for at in group for row in slots[at].rows] for group in groups]
        found: list[list[Any]] = [[] for _ in slots]
        for group, logits in zip(groups, self._model._logits(rows), strict=True):
            rest = iter(logits)
            for at in group:
                found[at] = [next(rest) for _ in slots[at].rows]
        return found

    def _answer(self, slot: Slot, logits: list[Any]) -> None:
        assert slot.task is not None
        try:
            scores = self._model._read_out(slot.rows, logits)
            found = answer(slot.number, slot.task, scores, self._settings)
            if self._tally is not None:
                self._tally.add(found)
            slot.answer = json_line(found)
        except (TypeError, ValueError) as error:
            slot.fail(error)
