"""A job: lines in, answers out, a bounded window of lines in flight."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Protocol

from multibin._args import integer
from multibin.llm._engine.request import Request
from multibin.llm._engine.session import Session
from multibin.llm._jobs.answers import answer, failure
from multibin.llm._jobs.lines import Task, custom_id, parse, skip
from multibin.llm._jobs.output import Done, Output
from multibin.llm._outputs import RequestOutput
from multibin.llm._params import SamplingParams

__all__ = ["Engine", "Job", "Result", "Settings"]


class Engine(Protocol):
    """What a job needs of an engine."""

    def admit(self, task: Task) -> tuple[list[Request], Any]:
        """Returns the requests of a task and their lengths."""

    def output(self, requests: list[Request]) -> RequestOutput:
        """Returns the output of requests that have ended."""


@dataclass(frozen=True)
class Settings:
    """How a job runs."""

    window: int = 1024
    """The most requests that are read and not answered yet."""
    stops: bool = False
    """End at the first line that fails, instead of answering it with its error."""
    defaults: SamplingParams = field(default_factory=SamplingParams)
    """Parameters that a line does not set."""
    model: str = ""


@dataclass
class Result:
    """What a job did."""

    skipped: int = 0
    """Lines that had an answer before."""
    answered: int = 0
    failed: int = 0
    first_failure: str = ""
    """The number of the first line that failed, and why."""

    def fail(self, number: int, error: BaseException) -> None:
        """Counts a line that failed."""
        self.failed += 1
        self.first_failure = self.first_failure or f"line {number}: {error}"


@dataclass
class Slot:
    """A line in flight: its answer is there once its requests have ended."""

    number: int
    custom_id: object = None
    task: Task | None = None
    requests: list[Request] = field(default_factory=list)
    left: int = 0
    answer: bytes | None = None
    error: BaseException | None = None

    @property
    def size(self) -> int:
        """Returns how much of the window it takes."""
        return 1 if self.task is None else self.task.params.n


class Job:
    """Reads lines as far as the window allows, and writes their answers in order."""

    def __init__(
        self,
        engine: Engine,
        session: Session,
        lines: Iterator[bytes],
        output: Output,
        settings: Settings,
        result: Result,
        report: Callable[[Result], object] = lambda _: None,
    ) -> None:
        self.result = result
        self._engine = engine
        self._session = session
        self._lines = enumerate(lines, 1)
        self._output = output
        self._settings = settings
        self._report = report
        self._window: deque[Slot] = deque()
        self._size = 0
        self._exhausted = False

    def skip(self, done: Done) -> None:
        """Skips the lines that have an answer.

        Raises:
            ValueError: the input has fewer lines, or another line there.
        """
        self.result.skipped += skip(self._lines, done)

    def run(self) -> None:
        """Answers all lines.

        Raises:
            ValueError: a line failed, and `stops` is set.
        """
        try:
            while self._fill():
                self._session.step()
                self._session.forget()
        except KeyboardInterrupt:
            self._write()
            raise
        self._session.close()

    def _fill(self) -> bool:
        """Writes what is ready, reads what the window allows, and returns whether any is left."""
        self._write()
        while not self._exhausted and self._size < self._settings.window:
            number, line = next(self._lines, (0, b""))
            self._exhausted = not number
            if line.strip():
                self._take(Slot(number), line)
            if self._exhausted or self._size >= self._settings.window:
                self._write()
        return bool(self._window)

    def _take(self, slot: Slot, line: bytes) -> None:
        self._window.append(slot)
        try:
            task = parse(slot.number, line, self._settings.defaults)
            integer("n", task.params.n, low=1, high=self._settings.window)
            requests, lengths = self._engine.admit(task)
        except Exception as error:
            slot.custom_id = custom_id(line)
            self._fail(slot, error)
        else:
            slot.task, slot.custom_id, slot.requests = task, task.custom_id, requests
            slot.left = len(requests)
            self._submit(slot, lengths)
        self._size += slot.size

    def _submit(self, slot: Slot, lengths: Any) -> None:
        try:
            self._session.submit(slot.requests, lengths, ends=lambda _: self._ended(slot))
        except ValueError as error:
            # It can never fit into the KV cache.
            self._fail(slot, error)

    def _ended(self, slot: Slot) -> None:
        """Makes the answer when the last request of a line has ended; an abort has no answer."""
        slot.left -= 1
        if slot.left or slot.task is None:
            return
        errors = [request.error for request in slot.requests if request.error is not None]
        if errors:
            self._fail(slot, errors[0])
        elif all(request.finish_reason != "abort" for request in slot.requests):
            output = self._engine.output(slot.requests)
            slot.answer = answer(slot.task, output, self._settings.model)
            slot.requests = []

    def _fail(self, slot: Slot, error: BaseException) -> None:
        slot.error, slot.answer = error, failure(slot.number, slot.custom_id, error)

    def _write(self) -> None:
        """Writes the answers up to the first line that has none yet."""
        lines = []
        while self._window and (line := self._window[0].answer) is not None:
            error = self._window[0].error
            if error is not None and self._note(self._window[0].number, error):
                break
            self._size -= self._window.popleft().size
            lines.append(line)
        if lines:
            self._output.write(lines)
            self.result.answered += len(lines)
            self._report(self.result)
        if self._settings.stops and self.result.failed:
            raise ValueError(self.result.first_failure)

    def _note(self, number: int, error: BaseException) -> bool:
        """Counts a failure, and returns whether it ends the job."""
        self.result.fail(number, error)
        return self._settings.stops
