"""The decode loop of one batch: it generates until rows end, and parks unfinished rows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from time import perf_counter

import torch

from multibin.llm._engine.decode import Decode
from multibin.llm._engine.kv_cache import KVCache, Moves
from multibin.llm._engine.prefill import Prefill, prefill_groups
from multibin.llm._engine.request import Request
from multibin.llm._engine.sampling import Sampler, Step
from multibin.llm._load.models import Model

HEADROOM = 256
"""Positions beyond the longest row with which a batch begins; the cache grows from there."""


@dataclass
class Work:
    """Forward passes that a batch took, and the rows in them."""

    prefills: int = 0
    decode_steps: int = 0
    rows: int = 0


class Loop:
    """Runs batches on one model, one after another; the cache is kept between them."""

    def __init__(self, model: Model, cache: KVCache) -> None:
        self.device = model.device
        self.cache = cache
        self.prefill = Prefill(model, cache)
        self.decode = Decode(model, cache)

    def run(
        self,
        requests: Sequence[Request],
        limit: int | None,
        finished: Callable[[Request], object],
    ) -> Work:
        """Generates until each request has finished or has `limit` tokens more than before.

        A finished request is reported at once and computed no further. A request at the limit is
        parked, and can be in a later batch.

        Args:
            requests: new and parked ones, in any order.
            limit: the most tokens for each, at least 1; None: until it finishes.
            finished: called with each request that finishes.
        """
        ends = {r.key: _end(r, limit) for r in requests}
        bound = max(len(r.prompt_tokens) + ends[r.key] - 1 for r in requests)
        lengths = [len(r.prompt_tokens) + len(r.tokens) for r in requests]
        self.cache.reserve(len(requests), min(bound, max(lengths) + HEADROOM))
        self.cache.clear(len(requests), min(lengths) - 1, bound)
        # Split before `start` parks some of the new requests.
        new, parked = _split(requests)
        batch = Batch(self, ends, bound, finished)
        batch.start(new)
        batch.resume(parked)
        batch.generate()
        return batch.work


def _split(requests: Sequence[Request]) -> tuple[list[Request], list[Request]]:
    """Returns the new requests and the parked ones."""
    new = [r for r in requests if r.parked is None]
    return new, [r for r in requests if r.parked is not None]


def _end(request: Request, limit: int | None) -> int:
    """Returns the tokens at which `request` leaves, finished or not."""
    return min(request.budget, len(request.tokens) + (request.budget if limit is None else limit))


class Batch:
    """The rows of one batch, in the first slots of the cache without a gap."""

    def __init__(
        self,
        loop: Loop,
        ends: dict[int, int],
        bound: int,
        finished: Callable[[Request], object],
    ) -> None:
        self.work = Work()
        self._loop = loop
        self._ends = ends
        self._bound = bound
        self._finished = finished
        self._slots: list[Request] = []
        self._written = 0
        """The most positions that a slot may have written."""

    def start(self, requests: Sequence[Request]) -> None:
        """Runs the prompts of new requests and takes their first tokens."""
        if not requests:
            return
        # Longest first, so that prompts of one pass are of similar length.
        self._slots = sorted(requests, key=lambda r: len(r.prompt_tokens), reverse=True)
        prompts = [r.prompt_tokens for r in self._slots]
        # Padding included.
        self._written = len(prompts[0])
        logits = []
        for rows in prefill_groups([len(prompt) for prompt in prompts]):
            logits.append(self._loop.prefill(prompts[rows.start : rows.stop], rows.start))
            self.work.prefills += 1
            self.work.rows += len(rows)
        sampler = Sampler(self._slots, self._loop.device)
        sampler(torch.cat(logits))
        steps = sampler.read()
        now = perf_counter()
        for request in requests:
            request.first_token_time = now
        self._take(steps)

    def resume(self, requests: Sequence[Request]) -> None:
        """Restores parked requests to the slots behind the present rows."""
        parked = [r.parked for r in requests if r.parked is not None]
        start = len(self._slots)
        self._loop.cache.erase(range(start, start + len(parked)), self._written)
        self._loop.cache.restore(parked, start)
        for request in requests:
            request.parked = None
        self._slots += requests

    def generate(self) -> None:
        """Decodes until no row is left."""
        while self._slots:
            rows = len(self._slots)
            step = self._loop.decode.step
            tokens = [r.tokens[-1] for r in self._slots]
            self._loop.decode.load(tokens, [r.cached for r in self._slots], self._bound)
            sampler = Sampler(self._slots, self._loop.device)
            while len(self._slots) == rows:
                step(sampler)
                self.work.decode_steps += 1
                self.work.rows += rows
                # The one wait for the device in a step.
                self._take(sampler.read())

    def _take(self, steps: Sequence[Step]) -> None:
        """Gives each row its token; rows that end leave."""
        departed = []
        for slot, (request, step) in enumerate(zip(self._slots, steps, strict=True)):
            if request.push(*step) or len(request.tokens) == self._ends[request.key]:
                departed.append(slot)
        if departed:
            self._depart(departed)

    def _depart(self, departed: Sequence[int]) -> None:
        now = perf_counter()
        self._written = max(self._written, *(r.cached for r in self._slots))
        unfinished = []
        for slot in departed:
            request = self._slots[slot]
            if request.finish_reason is None:
                unfinished.append(slot)
            else:
                request.finished_time = now
                self._finished(request)
        self._park(unfinished)
        self._compact(departed)

    def _park(self, slots: Sequence[int]) -> None:
        if not slots:
            return
        requests = [self._slots[slot] for slot in slots]
        rows = self._loop.cache.park(slots, [r.cached for r in requests])
        for request, row in zip(requests, rows, strict=True):
            request.parked = row

    def _compact(self, departed: Sequence[int]) -> None:
        """Fills the gaps among the first slots with the last rows."""
        rows, gone = len(self._slots), set(departed)
        live = rows - len(gone)
        gaps = [slot for slot in departed if slot < live]
        tail = [slot for slot in range(live, rows) if slot not in gone]
        lengths = [self._slots[slot].cached for slot in tail]
        self._loop.cache.compact(Moves(tail, gaps, lengths), self._written)
        for source, destination in zip(tail, gaps, strict=True):
            self._slots[destination] = self._slots[source]
        del self._slots[live:]
