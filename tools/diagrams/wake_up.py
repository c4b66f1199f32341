"""How a producer and a worker that goes to sleep meet."""

from __future__ import annotations

from tools.diagrams.svg import BLUE, GREY, Box, Picture

__all__ = ["draw"]

PRODUCER, RING, NOTIFIER, WORKER = 110, 370, 610, 840
LANES = {PRODUCER: "producer", RING: "ring of a bin", NOTIFIER: "notifier", WORKER: "worker"}


def draw() -> Picture:
    """Returns the diagram."""
    picture = Picture(
        960,
        640,
        "A producer and a worker that goes to sleep",
        "The worker arms the notifier and then looks at the rings once more. The producer claims a"
        " position, checks the notifier and publishes. Either the worker sees the claim, or the"
        " producer sees the armed notifier and wakes the worker.",
    )
    for x, name in LANES.items():
        picture.box(Box(x - 80, 14, 160, 34), name, fill=GREY)
        picture.line((x, 48), (x, 604), dashed=True)
    _held(picture, 66, 208)
    _sleep(picture)
    _held(picture, 428, 532)
    _submit(picture)
    _wake(picture)
    picture.box(Box(30, 612, 14, 20), fill=BLUE)
    picture.write(52, 627, "holds the forming lock")
    return picture


def _held(picture: Picture, top: float, bottom: float) -> None:
    """Marks where the forming lock is held."""
    lane = WORKER if top < 200 else PRODUCER
    picture.box(Box(lane - 7, top, 14, bottom - top), fill=BLUE)


def _message(picture: Picture, y: float, start: float, end: float, label: str) -> None:
    gap = 8 if end > start else -8
    picture.arrow((start + gap, y), (end - gap / 4, y))
    picture.label((start + end) / 2, y - 7, label)


def _sleep(picture: Picture) -> None:
    _message(picture, 92, WORKER, RING, "collect: nothing to form")
    _message(picture, 130, WORKER, NOTIFIER, "enter waiters, arm")
    _message(picture, 168, WORKER, RING, "collect again: claims since?")
    picture.write(WORKER - 14, 200, "no: unlock, sleep", anchor="end")


def _submit(picture: Picture) -> None:
    _message(picture, 250, PRODUCER, RING, "claim a position")
    _message(picture, 290, PRODUCER, NOTIFIER, "set the bin's dirty bit; is it armed?")
    _message(picture, 330, NOTIFIER, PRODUCER, "yes")
    _message(picture, 370, PRODUCER, RING, "write, publish")
    _message(picture, 408, PRODUCER, NOTIFIER, "disarm: one producer wakes")


def _wake(picture: Picture) -> None:
    _message(picture, 452, PRODUCER, RING, "collect")
    picture.label(PRODUCER + 216, 490, "choose the longest-waiting waiter that gets a batch")
    picture.write(PRODUCER + 16, 522, "unlock")
    _message(picture, 560, PRODUCER, WORKER, "wake, under no lock")
    picture.label(WORKER - 134, 592, "forms its batch when it asks again")
