"""The life of a request: which thread does which step."""

from __future__ import annotations

from tools.diagrams.svg import BLUE, GREEN, PAPER, RED, Box, Picture

__all__ = ["draw"]

CALLER, FORMING, WORKER = 16, 216, 446


def draw() -> Picture:
    """Returns the diagram."""
    picture = Picture(
        960,
        640,
        "The life of a request",
        "A caller's thread checks, admits, publishes and wakes. A worker's call collects, queues"
        " and forms under the forming lock. The worker runs the batch and ends its lease.",
    )
    picture.band(
        Box(10, CALLER, 940, 170),
        "the caller's thread: a lock only to wake, or to empty a full ring",
    )
    picture.band(Box(10, FORMING, 940, 200), "a worker's call, under the forming lock", BLUE)
    picture.band(
        Box(10, WORKER, 940, 178),
        "the worker's thread or task: no lock while your code runs",
        indent=140,
    )
    published = _caller(picture)
    formed = _forming(picture, published)
    _worker(picture, formed)
    return picture


def _caller(picture: Picture) -> Box:
    y = CALLER + 38
    check = picture.box(Box(30, y, 190, 62), "1 check", "length → bin")
    admit = picture.box(Box(265, y, 190, 62), "2 admit", "capacity → ticket")
    publish = picture.box(Box(500, y, 190, 62), "3 publish", "into the bin's ring")
    wake = picture.box(Box(735, y, 190, 62), "4 wake", "if a batch is possible")
    picture.arrow(check.right, admit.left)
    picture.arrow(admit.right, publish.left)
    picture.arrow(publish.right, wake.left)
    _out(picture, check, "ValueError")
    _out(picture, admit, "FullError, ClosedError")
    return publish


def _forming(picture: Picture, published: Box) -> Box:
    y = FORMING + 68
    collect = picture.box(Box(500, y, 190, 62), "5 collect", "rings → queues")
    queue = picture.box(Box(265, y, 190, 62), "6 wait", "in the bin's queue")
    form = picture.box(Box(30, y, 190, 62), "7 form", "by the rules")
    picture.arrow(published.bottom, collect.top)
    picture.arrow(collect.left, queue.right)
    picture.arrow(queue.left, form.right)
    _out(picture, queue, "cancelled, expired")
    return form


def _worker(picture: Picture, formed: Box) -> None:
    y = WORKER + 68
    lease = picture.box(Box(30, y, 190, 62), "8 lease", "rows, limit, reason", fill=PAPER)
    run = picture.box(Box(265, y, 190, 62), "9 run", "your code")
    end = picture.box(Box(500, y, 190, 62), "10 end", "done or resubmit")
    answer = picture.box(Box(735, y, 190, 62), "11 answer", "by key, your code", fill=GREEN)
    picture.arrow(formed.bottom, lease.top)
    picture.arrow(lease.right, run.left)
    picture.arrow(run.right, end.left)
    picture.arrow(end.right, answer.left)
    _again(picture, y)
    _out(picture, run, "lost")


def _again(picture: Picture, y: float) -> None:
    low, high = FORMING + 178, FORMING + 112
    picture.arrow((640, y), (640, low), (480, low), (480, high), (455, high))
    picture.write(650, low + 4, "climbing: unfinished rows wait again")


def _out(picture: Picture, box: Box, label: str) -> None:
    """Draws a way out of a step."""
    x, y = box.bottom
    picture.arrow((x, y), (x, y + 14))
    picture.box(Box(box.x, y + 14, box.width, 26), label, fill=RED, bold=False)
