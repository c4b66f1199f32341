"""Requests that have been taken and do not decode yet: they need a slot, or a prompt pass."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from multibin.llm._engine.executor import Executor
from multibin.llm._engine.prefixes import BLOCK, Prefixes, common
from multibin.llm._engine.prompts import Chunk
from multibin.llm._engine.request import Request
from multibin.llm._engine.rows import Row

HEADROOM = 16
"""Positions beyond the next one for which a slot is chosen."""

KEPT = 4
"""Rows of ended requests whose beginning may be shared."""

GROWTH = 8
"""After a lack of memory, each pass may have a share of 1 / GROWTH more tokens than the last."""

PATIENCE = 256
"""Steps after which a row more may run, where a lack of memory has made them fewer."""


class Part(NamedTuple):
    """A request in a prompt pass, and the tokens of it that are computed."""

    request: Request
    chunk: Chunk
    is_last: bool
    """Whether the request decodes after this pass."""

    @property
    def is_new(self) -> bool:
        """Returns whether the request has no token yet."""
        return not self.request.tokens

    @property
    def is_whole(self) -> bool:
        """Returns whether the prompt must be computed in one pass, for its log probabilities."""
        return _is_whole(self.request)


class Joining:
    """Gives requests slots in their order, and makes passes of the prompts that are missing."""

    def __init__(self, executor: Executor, pass_tokens: int) -> None:
        self._memory = executor.memory
        self._attends = executor.model.attends
        self._keeps_state = executor.model.keeps_state
        self._shares = self._attends and not self._keeps_state
        self._prefixes = Prefixes()
        self._requests: list[Request] = []
        self.pass_tokens = self._most_tokens = pass_tokens
        """The most tokens of a prompt pass; padding counts. Fewer after a lack of memory."""

    def __len__(self) -> int:
        return len(self._requests)

    def add(self, request: Request) -> None:
        """Takes a request that follows all others."""
        self._requests.append(request)

    def add_first(self, request: Request) -> None:
        """Takes a request that was preempted, and goes before all others."""
        self._requests.insert(0, request)

    def remove(self, request: Request) -> None:
        """Forgets a request that has ended, if it is here."""
        if request in self._requests:
            self._requests.remove(request)

    @property
    def first(self) -> Request:
        """Returns the request before which no other may have a slot."""
        return self._requests[0]

    def placed(self) -> list[Request]:
        """Returns the requests that have a slot."""
        return [request for request in self._requests if request.row.slot is not None]

    def ready(self, room: int) -> list[Request]:
        """Gives slots to the first `room` requests, and takes out those that can decode."""
        ready = []
        placed = True
        for request in self._requests[: max(room, 0)]:
            # Behind one without room, only those go on that have their slots.
            placed = self._placed(request, placed)
            if request.row.slot is not None and request.tokens and not _missing(request):
                ready.append(request)
        for request in ready:
            self._requests.remove(request)
        return ready

    def shrink(self, parts: Sequence[Part]) -> bool:
        """Halves later passes after a lack of memory in one; returns whether that helps."""
        tokens = sum(len(part.chunk.tokens) for part in parts)
        self.pass_tokens = max(1, tokens // 2)
        splits = self._shares and not parts[0].is_whole
        return len(parts) > 1 or (splits and tokens > 1)

    def next_pass(self, room: int) -> list[Part]:
        """Returns the tokens that the next prompt pass computes; the slots are there."""
        parts: list[Part] = []
        for request in self._requests[: max(room, 0)]:
            # A state is that behind one whole prompt.
            whole = self._keeps_state or _is_whole(request)
            if request.row.slot is None or self._waits(request, parts):
                continue
            if parts and whole:
                break
            part = self._part(request, parts, whole)
            if part is None:
                break
            parts.append(part)
            if whole:
                break
        return parts

    def grow(self) -> None:
        """Notes that a pass had enough memory."""
        more = max(self.pass_tokens // GROWTH, 1)
        self.pass_tokens = min(self.pass_tokens + more, self._most_tokens)

    def done(self, part: Part) -> None:
        """Notes that a part was computed; its request leaves if it was the last."""
        request = part.request
        request.row.cached = part.chunk.stop
        if part.is_last:
            self._requests.remove(request)
            if self._shares:
                self._prefixes.add(request.row, request.prompt_tokens)
                self._forget_gone()

    def release(self, request: Request) -> None:
        """Frees the slot of an ended request, or keeps a prompt whose beginning was shared."""
        row, prompt = request.row, request.prompt_tokens
        if row.slot is None or not row.is_shared or row.cached < len(prompt):
            self._forget(row, prompt)
            self._memory.release(row)
            return
        row.prompt = prompt
        self._memory.keep(row, len(prompt), KEPT)
        self._forget_gone()

    def clear(self) -> None:
        """Forgets all requests and prompts; the memory of their rows is not touched."""
        self._requests.clear()
        self._prefixes = Prefixes()

    def _forget_gone(self) -> None:
        """Forgets kept rows that have made room for others."""
        while self._memory.gone:
            row = self._memory.gone.pop()
            self._forget(row, row.prompt)

    def _forget(self, row: Row, prompt: Sequence[int]) -> None:
        if self._shares:
            self._prefixes.remove(row, prompt)

    def _placed(self, request: Request, may_place: bool) -> bool:
        """Gives a request a slot if it may have one; returns whether those behind it may."""
        row = request.row
        if row.slot is not None:
            self._memory.resume(row)
            return may_place
        return may_place and self._memory.place(row, slot_for(request))

    def _waits(self, request: Request, parts: Sequence[Part]) -> bool:
        """Returns whether a request had better share what this pass computes.

        If not, it shares what others have computed of its prompt.
        """
        row, prompt = request.row, request.prompt_tokens
        if not self._shares or row.cached or _is_whole(request):
            return False
        shared = self._prefixes.longest(prompt, row)
        known = 0 if shared is None or shared.row is row else shared.positions
        for part in parts:
            other = part.request.prompt_tokens
            if prompt[:BLOCK] == other[:BLOCK] and common(prompt, other) >= known + BLOCK:
                return True
        if shared is not None and known:
            self._memory.share(shared.row, row, known)
        return False

    def _part(self, request: Request, parts: Sequence[Part], whole: bool) -> Part | None:
        """Returns what a pass computes of a request besides other parts, None if nothing fits."""
        missing = _missing(request)
        if self._attends:
            room = self.pass_tokens - sum(len(part.chunk.tokens) for part in parts)
            count = missing if whole else min(missing, room)
        else:
            width = max([missing, *(len(part.chunk.tokens) for part in parts)])
            fits = not parts or width * (len(parts) + 1) <= self.pass_tokens
            count = missing if fits else 0
        if count <= 0:
            return None
        past = request.row.cached
        tokens = _sequence(request)[past : past + count]
        chunk = Chunk(request.row.start, past, tokens, request.row)
        return Part(request, chunk, is_last=count == missing)


def slot_for(request: Request) -> int:
    """Returns the positions that a slot of the request should hold now."""
    final = len(request.prompt_tokens) + request.end - 1
    return max(min(final, _target(request) + 1 + HEADROOM), _target(request), 1)


def _is_whole(request: Request) -> bool:
    return request.params.prompt_logprobs is not None and not request.tokens


def _target(request: Request) -> int:
    """Returns the positions that must be cached before the request decodes."""
    return len(request.prompt_tokens) + max(len(request.tokens) - 1, 0)


def _missing(request: Request) -> int:
    return _target(request) - request.row.cached


def _sequence(request: Request) -> list[int]:
    """Returns the tokens of those positions."""
    return [*request.prompt_tokens, *request.tokens[:-1]]
