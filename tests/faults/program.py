"""Makes a program from a seed: a scheduler, and the calls of each thread, loop and task."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from typing import Any

BOUNDS = [0, 10, 20, 40]

CALLS = {
    "submit": 10,
    "submit_many": 4,
    "submit_wait": 3,
    "submit_many_wait": 2,
    "take": 10,
    "take_for_long": 1,
    "finish": 4,
    "cancel": 4,
    "new_worker": 2,
    "close_worker": 1,
    "reconfigure": 1,
    "observe": 2,
    "look": 2,
    "expired": 2,
    "collect": 1,
    "pause": 2,
    "refused": 1,
    "fork": 0.12,
    "drain": 0.15,
    "close": 0.15,
    "die": 0.3,
}
"""The calls of a thread, and their weights."""

AWAITS = {
    "submit": 5,
    "take": 4,
    "take_async": 12,
    "iterate": 3,
    "twice": 1,
    "submit_async": 5,
    "submit_many_async": 3,
    "cancel_task": 3,
    "finish": 2,
    "cancel": 2,
    "busy": 1,
    "pause_async": 3,
    "never_awaited": 1,
    "close_worker": 0.5,
    "new_worker": 1,
    "drain_async": 0.15,
    "fork": 0.05,
    "die": 0.3,
}
"""The calls of a task, and their weights."""

SIGNALLED = {"take_signalled": 6, "submit_signalled": 3, "drain_signalled": 0.3, "submit": 3}
"""The calls of the main thread, the only one that signals interrupt."""

LOOPS = ["stock", "stock", "slow", "raising"]
ENDS = ["cancel", "cancel", "stop", "close", "leave"]

Step = tuple[str, int]
"""A call, and the seed of its random choices."""


@dataclass(frozen=True)
class Actor:
    """A thread, a loop with tasks, or the main thread."""

    kind: str
    """``"thread"``, ``"main"``, or the kind of a loop."""
    steps: list[list[Step]]
    """One list for each task; threads have one."""
    end: str = ""
    """How a loop ends."""


@dataclass(frozen=True)
class Program:
    """Repeats, except for the order in which threads run."""

    seed: int
    options: dict[str, Any]
    """The options of the scheduler."""
    keeper: bool
    """A thread takes batches until the scheduler is closed: nothing may stay."""
    actors: list[Actor] = field(default_factory=list)


def program(seed: int) -> Program:
    """Returns the program of a seed."""
    draw = random.Random(seed)
    options = scheduler_options(draw)
    keeper = options["fill"] == "elastic" and draw.random() < 0.4
    actors = [actor(draw) for _ in range(draw.randint(1, 4))]
    if draw.random() < 0.2:
        actors.append(Actor("main", [steps(draw, SIGNALLED, 4)]))
    return Program(seed, options, keeper, actors)


def scheduler_options(draw: random.Random) -> dict[str, Any]:
    """Returns options with which few requests fill a scheduler, so that every limit is met."""
    options: dict[str, Any] = {
        "batch_size": draw.randint(1, 4),
        "capacity": draw.choice([4, 8, 30, 200]),
        "fill": draw.choice(["elastic", "elastic", "strict"]),
        "overrun": draw.choice(["finish", "climb", "recompute"]),
        "max_bins": 5,
    }
    if draw.random() < 0.3:
        options["max_wait"] = draw.choice([0, 1e-4, 2e-3])
    if draw.random() < 0.3:
        options["ageing"] = 1e-4
    elif draw.random() < 0.2:
        options["order"] = "deadline"
    if draw.random() < 0.2:
        options["budget"] = 200
    if draw.random() < 0.3:
        options["adapt"] = {"gate": draw.random() < 0.5, "every": 500}
    return options


def actor(draw: random.Random) -> Actor:
    if draw.random() < 0.6:
        return Actor("thread", [steps(draw, CALLS, 12)])
    tasks = [steps(draw, AWAITS, 6) for _ in range(draw.randint(1, 4))]
    return Actor(draw.choice(LOOPS), tasks, draw.choice(ENDS))


def steps(draw: random.Random, of: dict[str, float], max_steps: int) -> list[Step]:
    names = draw.choices(list(of), list(of.values()), k=draw.randint(1, max_steps))
    return [(name, draw.getrandbits(32)) for name in names]
