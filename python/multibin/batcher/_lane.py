"""The queues of a batcher: one scheduler, or one for each key."""

from __future__ import annotations

import threading
import time
import weakref
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Any, Protocol, cast

from multibin._core import Adapt, Batch, Edges, Inbox, Limit, Scheduler, Worker
from multibin.batcher._job import Job
from multibin.batcher._options import Options
from multibin.errors import ClosedError

__all__ = ["KeyedLanes", "Lane", "Lanes", "OneLane", "Taker"]

OCTAVES = 2**16
"""The longest item of the first edges, whose bins grow by one factor; later edges are fitted."""
IDLE_LANES = 64
"""Keys whose queues are kept although nothing of theirs waits or runs."""

PAUSE = 0.001
"""Seconds until a thread looks again at a lane in which only items of other workers wait."""


class Lane:
    """A scheduler and the items that wait in it."""

    def __init__(
        self, options: Options, limit: Limit, when_full: Any, when_ttl: Callable[[], None]
    ) -> None:
        self.number, self.key = 0, cast(Hashable, None)
        self.climbs = options.climb
        self.scheduler = _scheduler(options)
        self.inbox = Inbox(
            self.scheduler,
            limit,
            length=options.length or _one,
            cost=options.cost,
            ttl=options.ttl,
            on_full=options.on_full,
            when_full=when_full,
            when_ttl=when_ttl,
            when_left_line=_weakly(self) if options.key is not None else None,
        )
        self.when_resumed: Callable[[Lane], None] | None = None
        """Is called when items came that no call submits, or none: from the line for room, or from
        an earlier batch."""
        self.queued = False
        """With keys: a worker will look at this lane."""
        self.version = 0
        """Of the settings that the scheduler has."""
        self._workers: dict[int, Worker] = {}

    def submit(self, item: Any, options: dict[str, Any], awaited: bool) -> Any:
        """Submits an item and returns its future."""
        submit = self.inbox.call if awaited else self.inbox.submit
        return submit(item, **options)

    def resumed(self) -> None:
        """Has workers look at what waits again."""
        if self.when_resumed is not None:
            self.when_resumed(self)

    @property
    def waiting(self) -> int:
        """The items that a batch may take."""
        return self.inbox.waiting

    @property
    def idle(self) -> bool:
        """Nothing waits, runs or stands in line for room."""
        return self.inbox.is_idle

    def expire(self) -> float | None:
        """Fails what has expired; returns the seconds until the next item expires."""
        self.inbox.expire()
        return self.inbox.watch()

    def worker(self, number: int) -> Worker:
        """Returns the scheduler's worker for a worker of the batcher; climbers come back to it."""
        worker = self._workers.get(number)
        if worker is None:
            worker = self._workers[number] = self.scheduler.worker()
        return worker

    def job(self, batch: Batch, number: int) -> Job | None:
        """Returns the rows of a batch, or ends a batch whose callers are all gone."""
        rows = self.inbox.take(batch)
        if len(rows):
            return Job(self, batch, rows, number)
        batch.done()
        return None


class Taker(Protocol):
    """Takes the next batch for one worker."""

    def wait(self) -> Job | None:
        """Waits for a batch; ``None``: the batcher is closed, and nothing waits."""

    def poll(self) -> Job | None:
        """Takes a batch if one may leave."""


class Lanes(Protocol):
    """The queues of a batcher."""

    def submit(self, item: Any, options: dict[str, Any], awaited: bool) -> Any:
        """Submits an item. The future of one that is awaited is a coroutine too."""

    def taker(self, number: int) -> Taker: ...

    def all(self) -> list[Lane]: ...

    def ended(self, lane: Lane) -> None:
        """Notes that a lane may have become idle."""

    def has_waiting(self) -> bool: ...

    def close(self) -> None:
        """Accepts nothing more."""

    def end(self) -> None:
        """Lets the workers end, when everything is answered."""


class OneLane:
    """One scheduler for all items."""

    def __init__(self, make: Callable[[], Lane]) -> None:
        self.lane = make()

    def submit(self, item: Any, options: dict[str, Any], awaited: bool) -> Any:
        return self.lane.submit(item, options, awaited)

    def taker(self, number: int) -> Taker:
        return _LaneTaker(self.lane, number)

    def all(self) -> list[Lane]:
        return [self.lane]

    def ended(self, lane: Lane) -> None:
        pass

    def has_waiting(self) -> bool:
        return self.lane.waiting > 0

    def close(self) -> None:
        self.lane.scheduler.close()

    def end(self) -> None:
        self.close()


class _LaneTaker:
    def __init__(self, lane: Lane, number: int) -> None:
        self._lane, self._number = lane, number
        self._worker = lane.worker(number)

    def wait(self) -> Job | None:
        return self._next(None)

    def poll(self) -> Job | None:
        return self._next(0)

    def _next(self, timeout: float | None) -> Job | None:
        while True:
            try:
                batch = self._worker.next_batch(timeout)
            except (TimeoutError, ClosedError):
                return None
            job = self._lane.job(batch, self._number)
            if job is not None:
                return job


class KeyedLanes:
    """A scheduler for each key, served in turn.

    The lanes in which items wait stand in a line, itself a scheduler of batches of one. A worker
    takes the first lane, takes one batch of it, and puts the lane at the end of the line if more
    waits. So no key waits longer than one batch of each other key.

    A lane that becomes idle is noted. Of more than ``IDLE_LANES`` the longest idle are forgotten.
    """

    def __init__(self, make: Callable[[], Lane], key: Callable[[Any], Hashable]) -> None:
        self._make, self._key = make, key
        self._line = Scheduler(Edges([0, 1]), 1, capacity=2**20, fill="strict")
        self._lanes: dict[Hashable, Lane] = {}
        self._numbered: dict[int, Lane] = {}
        self._idle: OrderedDict[int, Lane] = OrderedDict()
        """Lanes that became idle, by number, the longest idle first; one may have items since."""
        self._next = 0
        # Reentrant: the garbage collector may end the batcher while this thread holds it.
        self._lock = threading.RLock()
        self._closed = False

    def submit(self, item: Any, options: dict[str, Any], awaited: bool) -> Any:
        key = self._key(item)
        while True:
            lane = self.lane(key)
            self._idle.pop(lane.number, None)
            try:
                future = lane.submit(item, options, awaited)
            except ClosedError:
                if self.is_current(key, lane):
                    raise
            except BaseException:
                self.ended(lane)
                raise
            else:
                self.submitted(lane)
                return future

    def lane(self, key: Hashable) -> Lane:
        """Returns the lane of a key, made when it is first used."""
        lane = self._lanes.get(key)  # The key's hash may run Python: under no lock.
        if lane is not None:
            return lane
        lane = self._make()
        with self._lock:
            self._next += 1
            lane.number, lane.key, lane.when_resumed = self._next, key, self._resumed
            lane = self._lanes.setdefault(key, lane)
            self._numbered[lane.number] = lane
            closed = self._closed
        if closed:
            lane.scheduler.close()
        return lane

    def ended(self, lane: Lane) -> None:
        if lane.idle and not lane.queued:
            self._idle[lane.number] = lane
            if len(self._idle) > IDLE_LANES:
                self._forget_idle()

    def _forget_idle(self) -> None:
        """Forgets lanes that are idle, of more than are kept."""
        with self._lock:
            while len(self._idle) > IDLE_LANES:
                number, lane = self._idle.popitem(last=False)
                if self._numbered.get(number) is lane:
                    self._forget(lane)

    def _forget(self, lane: Lane) -> None:
        # A call that still holds a closed lane asks for another one.
        del self._lanes[lane.key]
        if lane.inbox.close_if_idle():
            del self._numbered[lane.number]
        else:
            self._lanes[lane.key] = lane

    def _resumed(self, lane: Lane) -> None:
        if lane.waiting:
            self.submitted(lane)
        else:
            self.ended(lane)

    def submitted(self, lane: Lane) -> None:
        """Puts a lane into the line, unless it stands there."""
        if not lane.queued:
            try:
                lane.queued = True
                self._line.submit(lane.number, 0)
            except ClosedError:  # All that waits is told.
                lane.queued = False
            except BaseException:
                lane.queued = False
                raise

    def is_current(self, key: Hashable, lane: Lane) -> bool:
        """Returns false for a lane that was forgotten."""
        return self._closed or self._lanes.get(key) is lane

    def taker(self, number: int) -> Taker:
        return _LineTaker(self, self._line.worker(), number)

    def take(self, number: int, worker: int) -> tuple[Job | None, bool]:
        """Takes a batch of the lane with this number; tells whether it may look at the next.

        What waits in a lane may be unfinished, and another worker's: there is no hurry then.
        """
        lane = self._numbered.get(number)
        if lane is None:
            return None, True
        lane.queued = False
        job = _LaneTaker(lane, worker).poll()
        waits = lane.waiting > 0
        if waits:
            self.submitted(lane)
        elif job is None:
            self.ended(lane)
        return job, not waits

    def all(self) -> list[Lane]:
        return list(self._numbered.values())

    def has_waiting(self) -> bool:
        return any(lane.waiting for lane in self.all())

    def close(self) -> None:
        with self._lock:
            self._closed = True
        for lane in self.all():
            lane.scheduler.close()
            if lane.waiting:  # A call that was interrupted may have left it outside of the line.
                self.submitted(lane)

    def end(self) -> None:
        self.close()
        self._line.close()


class _LineTaker:
    def __init__(self, lanes: KeyedLanes, line: Worker, number: int) -> None:
        self._lanes, self._line, self._number = lanes, line, number

    def wait(self) -> Job | None:
        while True:
            try:
                turn = self._line.next_batch()
            except ClosedError:
                return None
            job, goes_on = self._take(turn)
            if job is not None:
                return job
            if not goes_on:
                time.sleep(PAUSE)

    def poll(self) -> Job | None:
        goes_on = True
        while goes_on:
            try:
                turn = self._line.next_batch(0)
            except (TimeoutError, ClosedError):
                return None
            job, goes_on = self._take(turn)
            if job is not None:
                return job
        return None

    def _take(self, turn: Batch) -> tuple[Job | None, bool]:
        with turn:
            number = int(turn.keys[0])
        return self._lanes.take(number, self._number)


def _weakly(lane: Lane) -> Callable[[], None]:
    """Returns ``lane.resumed`` as a function that does not keep the lane alive."""
    reference = weakref.ref(lane)

    def resumed() -> None:
        if (lane := reference()) is not None:
            lane.resumed()

    return resumed


def _one(_: object) -> int:
    """Returns the length of an item where lengths do not matter."""
    return 1


def _scheduler(options: Options) -> Scheduler:
    bins = options.queues
    edges = options.edges or (Edges.geometric(OCTAVES, bins) if bins > 1 else Edges([0, 1]))
    follows = options.costs is None and options.edges is None and bins > 1
    return Scheduler(
        edges,
        options.batch_size,
        # Rows that are answered keep their lease until their batch is done.
        capacity=options.capacity + 2 * options.workers * options.batch_size,
        max_wait=options.max_wait,
        overrun="climb" if options.climb else "finish",
        max_bins=bins,
        ageing=options.ageing,
        adapt=Adapt(bins=bins, gate=False) if follows else None,
    )
