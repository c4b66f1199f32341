"""The function that the checks let batchers run.

The first word of an item says what happens to it. All that is known about the calls is in files, as
some batchers run the function in another process.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any


class Fatal(BaseException):
    """What a panic of a Rust extension or a killed greenlet looks like."""


@dataclass(frozen=True)
class Call:
    """One call of the function: its items, and the monotonic time at which it began."""

    items: list[str]
    at: float


@dataclass(frozen=True)
class Model:
    """A picklable function of many items; ``folder`` holds its log of calls and its gates."""

    folder: Path
    # How long a call takes.
    seconds: float = 0.0

    def __call__(self, items: Sequence[str]) -> list[Any]:
        self.log(items)
        words = [item.split()[0] for item in items]
        for word, item in zip(words, items, strict=True):
            self.act(word, item)
        time.sleep(self.seconds)
        answers = [self.answer(word, item) for word, item in zip(words, items, strict=True)]
        return self.resize(words, answers)

    def log(self, items: Sequence[str]) -> None:
        """Appends one line in one write, so that calls of several threads stay apart."""
        line = json.dumps({"items": list(items), "at": time.monotonic()}) + "\n"
        file = os.open(self.folder / "calls", os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        os.write(file, line.encode())
        os.close(file)

    def act(self, word: str, item: str) -> None:
        if word == "hold":
            while not self.gate(item).exists():
                time.sleep(0.001)
        if word == "bad":
            raise ValueError(f"the model refuses {item!r}")
        if word == "fatal":
            raise Fatal(item)

    def answer(self, word: str, item: str) -> Any:
        return ValueError(f"no answer to {item!r}") if word == "error" else item.upper()

    def resize(self, words: list[str], answers: list[Any]) -> list[Any]:
        if "short" in words:
            return answers[:-1]
        return answers + answers[:1] if "long" in words else answers

    def gate(self, item: str) -> Path:
        """Returns the file that lets a call with this item go on, once it exists."""
        return self.folder / item.replace(" ", "-")

    def release(self, item: str) -> None:
        self.gate(item).touch()

    def calls(self) -> list[Call]:
        """Returns the calls so far, the oldest first, without those that no check made."""
        path = self.folder / "calls"
        lines = path.read_text().splitlines() if path.exists() else []
        calls = [Call(**json.loads(line)) for line in lines]
        return [call for call in calls if "warm" not in call.items[0].split()[0]]

    def computed(self) -> list[str]:
        """Returns all items that calls were given, in order."""
        return [item for call in self.calls() for item in call.items]
