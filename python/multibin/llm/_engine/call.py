"""One prompt's requests in the engine, and the task that waits for their tokens."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from multibin.llm._engine.capacity import Place
from multibin.llm._engine.request import Request
from multibin.llm._engine.signals import Signal, Wakeups

__all__ = ["Call", "News"]


@dataclass(frozen=True, slots=True)
class News:
    """What a request has that its task has not seen: tokens up to `count`, or its end."""

    index: int
    count: int
    ended: bool


class Call:
    """The requests of one prompt.

    The engine's thread says what they have, and their task takes it when it comes to it. What the
    thread says between two looks of the task is one piece of news.
    """

    def __init__(
        self, requests: Sequence[Request], wakeups: Wakeups, lost: Callable[[Call], object]
    ) -> None:
        self.requests = requests
        self.failure: BaseException | None = None
        """Why none of the requests will have more tokens, if the engine ended before them."""
        self.place: Place | None = None
        """Where it waits for room, or did."""
        self.submitted = False
        self.aborted = False
        """It will not be submitted: it was aborted while it waited for room."""
        self._signal = Signal(wakeups, lambda: lost(self))
        # By request: the tokens that it has, those that its task has seen, and its end.
        self._counts = [0] * len(requests)
        self._taken = [0] * len(requests)
        self._ended = [False] * len(requests)
        self._told = [False] * len(requests)

    @property
    def ended(self) -> bool:
        """Returns whether all requests have ended."""
        return all(self._ended)

    def note(self, index: int) -> bool:
        """Notes what a request has, in the engine's thread; returns whether it ended just now."""
        request = self.requests[index]
        self._counts[index] = len(request.tokens)
        ends = request.finish_reason is not None and not self._ended[index]
        if ends:
            self._ended[index] = True
        self._signal.set()
        return ends

    def abort(self) -> None:
        """Ends the requests of a call that was not submitted, in its task."""
        for index, request in enumerate(self.requests):
            request.finish_reason = "abort"
            self.note(index)

    def fail(self, error: BaseException) -> None:
        """Lets the task raise an error."""
        self.failure = error
        self._signal.set()

    async def news(self) -> list[News]:
        """Waits until a request has more than the task has seen, and returns what it has.

        Raises:
            BaseException: `failure`, where the engine ended before the requests.
        """
        while True:
            self._signal.clear()
            if self.failure is not None:
                raise self.failure
            if found := [*filter(None, map(self._new, range(len(self.requests))))]:
                return found
            await self._signal.wait()

    def _new(self, index: int) -> News | None:
        # The end is read first: the count that follows is then the last.
        ended, count = self._ended[index], self._counts[index]
        if self._told[index] or (count == self._taken[index] and not ended):
            return None
        self._taken[index], self._told[index] = count, ended
        return News(index, count, ended)
