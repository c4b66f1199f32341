"""The locks of a scheduler: what each one guards, and their order."""

from __future__ import annotations

from tools.diagrams.svg import BLUE, GREY, Box, Picture

__all__ = ["draw"]


def draw() -> Picture:
    """Returns the diagram."""
    picture = Picture(
        960,
        430,
        "The locks and their order",
        "A thread that holds a lock may take those that its arrows lead to: from the adapter or a"
        " lease to forming, then drain waiters, then the timer. The line for room and the wakers"
        " to retry lead to the timer alone.",
    )
    adapter = picture.box(Box(20, 60, 210, 64), "adapter", "sample, gate, fits", fill=GREY)
    lease = picture.box(
        Box(20, 160, 210, 64), "lease of one batch", "done, resubmitted rows", fill=GREY
    )
    forming = picture.box(
        Box(300, 100, 230, 84),
        "forming lock",
        "queues, ends of rings,",
        "waiters, counters",
        fill=BLUE,
    )
    drain = picture.box(Box(600, 110, 180, 64), "drain waiters", "who waits for the end", fill=GREY)
    picture.box(Box(300, 250, 230, 64), "line for room", "calls that wait", fill=GREY)
    picture.box(Box(300, 340, 230, 64), "wakers to retry", "those that failed", fill=GREY)
    picture.box(Box(760, 260, 180, 84), "timer", "next deadline,", "the thread's state", fill=GREY)
    picture.arrow(adapter.right, (265, 92), (265, 130), (300, 130))
    picture.arrow(lease.right, (265, 192), (265, 154), (300, 154))
    picture.arrow(forming.right, drain.left)
    picture.arrow((690, 174), (690, 282), (760, 282))
    picture.arrow((500, 184), (500, 220), (650, 220), (650, 296), (760, 296))
    picture.arrow((530, 282), (620, 282), (620, 310), (760, 310))
    picture.arrow((530, 372), (690, 372), (690, 326), (760, 326))
    _heads(picture)
    return picture


def _heads(picture: Picture) -> None:
    picture.write(125, 34, "first", anchor="middle", bold=True)
    picture.write(415, 34, "second", anchor="middle", bold=True)
    picture.write(690, 34, "third", anchor="middle", bold=True)
    picture.write(850, 234, "last", anchor="middle", bold=True)
    picture.write(40, 286, "taken while none of the")
    picture.write(40, 305, "first three is held")
    picture.line((220, 286), (280, 286), dashed=True)
