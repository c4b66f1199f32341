"""Where a request is, and which counter moves when it goes on."""

from __future__ import annotations

from tools.diagrams.svg import BLUE, GREEN, GREY, RED, Box, Picture

__all__ = ["draw"]


def draw() -> Picture:
    """Returns the diagram."""
    picture = Picture(
        880,
        330,
        "The counters of a request",
        "submitted leads to waiting; taken to leased; resubmitted back to waiting; cancelled and"
        " expired end waiting; done and lost end a lease; refused is a request that found no room",
    )
    waits = picture.box(Box(230, 110, 150, 60), "waits", "stats: waiting", fill=BLUE)
    picture.box(Box(510, 110, 150, 60), "is leased", "stats: leased", fill=BLUE)
    _entry(picture, waits)
    picture.arrow((380, 126), (510, 126))
    picture.write(445, 118, "taken", anchor="middle")
    picture.arrow((510, 154), (380, 154))
    picture.write(445, 175, "resubmitted", anchor="middle")
    _ends(picture)
    return picture


def _entry(picture: Picture, waits: Box) -> None:
    call = picture.box(Box(20, 110, 100, 60), "submit", fill=GREY)
    picture.box(Box(20, 250, 130, 44), "refused", fill=RED)
    picture.arrow(call.right, waits.left)
    picture.write(175, 132, "submitted", anchor="middle")
    picture.arrow(call.bottom, (70, 250))
    picture.write(80, 214, "FullError")


def _ends(picture: Picture) -> None:
    cancelled = picture.box(Box(190, 250, 110, 44), "cancelled", fill=RED)
    expired = picture.box(Box(320, 250, 110, 44), "expired", fill=RED)
    done = picture.box(Box(740, 60, 120, 44), "done", fill=GREEN)
    lost = picture.box(Box(740, 250, 120, 44), "lost", fill=RED)
    picture.arrow((280, 170), cancelled.top)
    picture.write(250, 214, "cancel", anchor="end")
    picture.arrow((340, 170), expired.top)
    picture.write(372, 214, "ttl is over")
    picture.arrow((660, 128), (700, 128), (700, 82), done.left)
    picture.write(692, 76, "done(), end of with", anchor="end")
    picture.arrow((660, 152), (700, 152), (700, 272), lost.left)
    picture.write(710, 200, "error, dropped")
