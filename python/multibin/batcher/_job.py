"""One batch on its way through the function."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Mapping, Set, Sized
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any

from multibin import _args
from multibin.batcher._unfinished import Unfinished
from multibin.errors import BatchError, WorkerError

if TYPE_CHECKING:
    from multibin._core import Batch, Rows
    from multibin.batcher._lane import Lane

__all__ = ["Job", "Raised", "Span", "raised"]

Span = tuple[int, int]
"""The rows from a start to an end, excluded, that one call computes."""


@dataclass(frozen=True, slots=True)
class Raised:
    """The exception that a call raised."""

    error: BaseException


class Job:
    """The rows of a batch, and what became of them."""

    __slots__ = (
        "_before",
        "abandoned",
        "batch",
        "climbs",
        "failed",
        "lane",
        "parked",
        "rows",
        "worker",
    )

    def __init__(self, lane: Lane, batch: Batch, rows: Rows, worker: int) -> None:
        self.lane, self.batch, self.rows, self.worker = lane, batch, rows, worker
        self.climbs = lane.climbs
        self.failed = 0
        self.abandoned = False
        """Another worker took its place."""
        self.parked: list[tuple[int, Unfinished[Any]]] = []
        self._before: list[int] | None = None

    def settle(self, outcome: Any) -> None:
        """Answers the callers by the outcome of one call with all rows."""
        self._settle(0, len(self.rows), outcome)

    def halves(self, outcome: Any) -> Generator[Span, Any, None]:
        """Yields the rows of each further call, and takes its outcome, after all rows raised.

        The rows of a call that raises are halved; the first half goes next. So a row is computed
        again at most log₂ of the rows times.
        """
        spans = [(0, len(self.rows))]
        while spans:
            start, stop = spans.pop()
            if (start, stop) != (0, len(self.rows)):
                outcome = yield start, stop
            if stop - start > 1 and raised(outcome):
                middle = (start + stop) // 2
                spans += [(middle, stop), (start, middle)]
            else:
                self._settle(start, stop, outcome)

    def _settle(self, start: int, stop: int, outcome: Any) -> None:
        """Answers the callers of one call."""
        try:
            results = _listed(outcome, stop - start)
            unfinished = self.rows.answer(results, start, unfinished=Unfinished)
        except BaseException as error:
            self.fail(error, start, stop)
        else:
            for at in unfinished:
                self._park(at, results[at - start])

    def _park(self, at: int, unfinished: Unfinished[Any]) -> None:
        """Keeps a row for its next batch."""
        try:
            if not self.climbs:
                raise BatchError("the function must return no Unfinished without climb=True")
            self._check(at, unfinished.progress)
        except BatchError as error:
            self.fail(error, at, at + 1)
        else:
            self.parked.append((at, unfinished))

    def _check(self, at: int, progress: object) -> None:
        """Refuses a progress that the scheduler would not take."""
        try:
            _args.integer("Unfinished.progress", progress, self._progress()[at], _args.LONGEST)
        except (ValueError, TypeError) as error:
            raise BatchError(str(error)) from error

    def _progress(self) -> list[int]:
        """Returns the progress of each row before this batch."""
        if self._before is None:
            self._before = self.batch.progress[self.rows.positions].tolist()
        return self._before

    def fail(self, error: BaseException, start: int = 0, stop: int | None = None) -> None:
        """Fails the rows that have no result yet."""
        self.failed += self.rows.fail(_told(error), start, stop)

    def give_back(self) -> None:
        """Lets the rows without a result wait again: their worker ended with its event loop."""
        self.abandoned = True
        rows, items = list(range(len(self.rows))), self.rows.items
        if items:
            try:
                self.rows.resume(self.batch, rows, items, self._progress(), anywhere=True)
            except (ValueError, TypeError, RuntimeError) as error:
                self.fail(error)
        self.batch.done()
        self.lane.resumed()

    def end(self, anywhere: bool) -> None:
        """Ends the lease; unfinished rows climb."""
        if self.parked:
            rows = [at for at, _ in self.parked]
            states = [unfinished.state for _, unfinished in self.parked]
            progress = [unfinished.progress for _, unfinished in self.parked]
            try:
                self.rows.resume(self.batch, rows, states, progress, anywhere=anywhere)
            except (ValueError, TypeError, RuntimeError) as error:
                self.fail(error)
        self.batch.done()
        if self.parked:
            self.lane.resumed()


def raised(outcome: Any) -> bool:
    """Returns true for a call that raised an exception, and no exit of the worker."""
    return isinstance(outcome, Raised) and isinstance(outcome.error, Exception)


def _listed(outcome: Any, rows: int) -> list[Any]:
    """Returns the results of a call as a list.

    Raises:
        BatchError: they are no sequence, or another number.
        BaseException: the call raised it.
    """
    if type(outcome) is list and len(outcome) == rows:
        return outcome
    if isinstance(outcome, Raised):
        raise outcome.error
    if isinstance(outcome, str | bytes | Mapping | Set) or not isinstance(outcome, Iterable):
        raise BatchError(_rule(rows, f"got {_args.shown(outcome)}"))
    results = outcome if isinstance(outcome, list) else _read(outcome, rows)
    if len(results) != rows:
        raise BatchError(_rule(rows, f"got {len(results)}"))
    return results


def _read(outcome: Iterable[Any], rows: int) -> list[Any]:
    """Returns the results of an iterable, which may have no end or, as an array may, no rows."""
    try:
        each = iter(outcome)
    except TypeError as error:
        raise BatchError(_rule(rows, f"got {_args.shown(outcome)}")) from error
    if isinstance(outcome, Sized):
        return list(each)
    results = list(islice(each, rows + 1))
    if len(results) > rows:
        raise BatchError(_rule(rows, f"got more than {rows}"))
    return results


def _rule(rows: int, got: str) -> str:
    return f"the function must return a sequence of {rows} results, one an item, {got}"


def _told(error: BaseException) -> BaseException:
    """Returns the exception that callers get: an exit of the worker is not theirs."""
    if isinstance(error, Exception):
        return error
    told = WorkerError(f"the function raised {type(error).__name__}: {error}")
    told.__cause__ = error
    return told
