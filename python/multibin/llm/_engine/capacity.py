"""Room for a bounded number of requests: back-pressure for tasks of any event loops."""

from __future__ import annotations

from collections import deque
from threading import Lock

from multibin.llm._engine.signals import Signal, Wakeups

__all__ = ["Place", "Room"]


class Place:
    """A task's place in the line for room: waiting, then `granted` or `left`, or both."""

    def __init__(self, room: Room, count: int, wakeups: Wakeups) -> None:
        self.count = count
        self.granted = False
        self.left = False
        self.signal = Signal(wakeups, lambda: room.leave(self))


class Room:
    """Counts the requests that wait or run, at most `capacity`; tasks wait for room in line."""

    def __init__(self, capacity: int, wakeups: Wakeups) -> None:
        self.capacity = capacity
        self._wakeups = wakeups
        self._lock = Lock()
        self._held = 0
        self._line: deque[Place] = deque()
        self._closed = False

    @property
    def held(self) -> int:
        """Returns how many requests wait or run."""
        return self._held

    def take(self, count: int) -> bool:
        """Takes room for `count` requests, or returns false if there is none or tasks wait."""
        with self._lock:
            if self._line or self._held + count > self.capacity:
                return False
            self._held += count
            return True

    def give(self, count: int) -> None:
        """Gives back the room of `count` requests, from any thread."""
        with self._lock:
            self._held -= count
            self._grant()

    def place(self, count: int) -> Place:
        """Returns a new last place in the line, for `count` requests of the running task."""
        place = Place(self, count, self._wakeups)
        with self._lock:
            self._line.append(place)
            self._grant()
        return place

    async def wait(self, place: Place) -> bool:
        """Waits for room at a place, and returns whether it was granted, not given up.

        Room that is closed meanwhile lets all tasks pass: they find the engine closed.
        """
        try:
            while not place.granted and not place.left:
                await place.signal.wait()
        except BaseException:
            self.leave(place)
            self._wakeups.flush()
            raise
        return not place.left

    def give_up(self, place: Place) -> None:
        """Ends the wait at a place, from any thread, unless it has room by now."""
        if not place.granted:
            self.leave(place)
            place.signal.set()
            self._wakeups.flush()

    def leave(self, place: Place) -> None:
        """Gives up a place in line, or the room that it was granted."""
        with self._lock:
            if place.left:
                return
            place.left = True
            if place.granted:
                self._held -= place.count
            else:
                self._line.remove(place)
            self._grant()

    def close(self) -> None:
        """Lets all tasks in line pass, and those that come later."""
        with self._lock:
            self._closed = True
            self._grant()

    def _grant(self) -> None:
        while self._line and (self._closed or self._held + self._line[0].count <= self.capacity):
            place = self._line.popleft()
            self._held += place.count
            place.granted = True
            place.signal.set()
