"""Five domains of problems whose steps can be checked one by one.

A problem is a start and operations; each operation is a step of its solution. All words are tokens.
Most wrong values of a step are wrong under every operation. So a model finds a pattern in pairs of
words before it has learnt the operations.
"""

from __future__ import annotations

import random
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any

DIGITS = [str(digit) for digit in range(10)]
DAYS = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]
NAMES = ["ann", "bob", "cid", "dan", "eve", "fay", "gus", "hal", "ida", "jon"]
ANIMALS = [
    "lion",
    "bear",
    "wolf",
    "deer",
    "goat",
    "seal",
    "crab",
    "swan",
    "frog",
    "toad",
    "hare",
    "lynx",
]
LETTERS = sorted(set("".join(ANIMALS)))
# The places in NAMES of each person's parent and friend.
RELATIONS = {"parent": (3, 7, 0, 5, 9, 2, 8, 1, 6, 4), "friend": (8, 4, 6, 2, 1, 0, 3, 9, 5, 7)}
OTHERS = ["start", "plus", "after", "of", "sort", "least", "spell", "backwards", "="]
WORDS = sorted({*DIGITS, *DAYS, *NAMES, *ANIMALS, *LETTERS, *RELATIONS, *OTHERS})


@dataclass(frozen=True)
class Problem:
    """A question, and what its solution does."""

    question: str
    start: Any
    operations: tuple[Any, ...]


class Domain(ABC):
    """A kind of problems: how they are posed, solved, and got wrong.

    Unless a subclass says otherwise, a step begins with the value of the step before it.
    """

    name: str

    @abstractmethod
    def pose(self, rng: random.Random) -> Problem:
        """Returns a random problem."""

    @abstractmethod
    def value(self, state: Any, operation: Any) -> str:
        """Returns the right value of a step."""

    @abstractmethod
    def values(self, state: Any, operation: Any) -> list[str]:
        """Returns the values that a step could be given, right or wrong."""

    @abstractmethod
    def write(self, state: Any, operation: Any) -> str:
        """Returns the text of a step up to its value."""

    def after(self, state: Any, value: str) -> Any:  # noqa: ARG002
        """Returns the state behind a step."""
        return value

    def answer(self, values: list[str]) -> str:
        """Returns the answer of a solution from the values of its steps."""
        return values[-1]


class Arithmetic(Domain):
    """Ones and twos added modulo 10."""

    name = "arithmetic"

    def pose(self, rng: random.Random) -> Problem:
        start, terms = rng.choice(DIGITS), rng.choices(DIGITS[1:3], k=rng.randint(3, 4))
        return Problem(" plus ".join([f"start {start}", *terms]), start, (*terms,))

    def value(self, state: str, operation: str) -> str:
        return DIGITS[(int(state) + int(operation)) % 10]

    def values(self, state: str, operation: str) -> list[str]:  # noqa: ARG002
        return DIGITS

    def write(self, state: str, operation: str) -> str:
        return f"{state} plus {operation}"


class Dates(Domain):
    """Days of the week."""

    name = "dates"

    def pose(self, rng: random.Random) -> Problem:
        start, days = rng.choice(DAYS), rng.choices(DIGITS[1:3], k=rng.randint(3, 5))
        return Problem(" ".join(["start", start, *(f"after {n}" for n in days)]), start, (*days,))

    def value(self, state: str, operation: str) -> str:
        return DAYS[(DAYS.index(state) + int(operation)) % 7]

    def values(self, state: str, operation: str) -> list[str]:  # noqa: ARG002
        return DAYS

    def write(self, state: str, operation: str) -> str:
        return f"{state} after {operation}"


class Facts(Domain):
    """Chains of parents and friends: facts that no question states."""

    name = "facts"

    def pose(self, rng: random.Random) -> Problem:
        start, chain = rng.choice(NAMES), rng.choices([*RELATIONS], k=rng.randint(3, 5))
        return Problem(" ".join(["start", start, *chain]), start, (*chain,))

    def value(self, state: str, operation: str) -> str:
        return NAMES[RELATIONS[operation][NAMES.index(state)]]

    def values(self, state: str, operation: str) -> list[str]:  # noqa: ARG002
        return [name for name in NAMES if name != state]

    def write(self, state: str, operation: str) -> str:
        return f"{operation} of {state}"


class Sorting(Domain):
    """The smallest of the digits that are left, again and again."""

    name = "sorting"

    def pose(self, rng: random.Random) -> Problem:
        digits = rng.sample(DIGITS, rng.randint(4, 5))
        return Problem(" ".join(["sort", *digits]), tuple(digits), (None,) * (len(digits) - 1))

    def value(self, state: tuple[str, ...], operation: None) -> str:  # noqa: ARG002
        return min(state)

    def values(self, state: tuple[str, ...], operation: None) -> list[str]:  # noqa: ARG002
        return [*state]

    def write(self, state: tuple[str, ...], operation: None) -> str:  # noqa: ARG002
        return f"least of {' '.join(state)}"

    def after(self, state: tuple[str, ...], value: str) -> tuple[str, ...]:
        return tuple(digit for digit in state if digit != value)

    def answer(self, values: list[str]) -> str:
        return " ".join(values)


class Text(Domain):
    """The letters of a word, backwards; the word is one token, so its spelling is learnt."""

    name = "text"

    def pose(self, rng: random.Random) -> Problem:
        word = rng.choice(ANIMALS)
        return Problem(f"spell {word} backwards", word, (*range(len(word), 0, -1),))

    def value(self, state: str, operation: int) -> str:
        return state[operation - 1]

    def values(self, state: str, operation: int) -> list[str]:  # noqa: ARG002
        return LETTERS

    def write(self, state: str, operation: int) -> str:
        return f"{operation} of {state}"

    def after(self, state: str, value: str) -> str:  # noqa: ARG002
        return state

    def answer(self, values: list[str]) -> str:
        return "".join(values)


DOMAINS: tuple[Domain, ...] = (Arithmetic(), Dates(), Facts(), Sorting(), Text())
