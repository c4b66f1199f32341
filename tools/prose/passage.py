"""Defines what every reader returns: passages of prose that know their lines."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class Kind(Enum):
    """Names where a passage comes from, as far as a rule depends on it."""

    COMMENT = "comment"
    DOC = "doc"
    FUNCTION = "function"
    MESSAGE = "message"
    PAGE = "page"

    @property
    def is_doc(self) -> bool:
        """True for the doc comment of anything."""
        return self in (Kind.DOC, Kind.FUNCTION)


@dataclass(frozen=True)
class Line:
    """A line of prose without its comment marker, and its number in the file."""

    number: int
    text: str


@dataclass(frozen=True)
class Passage:
    """Prose that belongs together: a comment of some lines, a docstring, a page."""

    kind: Kind
    lines: list[Line]
    in_tests: bool = False


def dedented(lines: list[Line]) -> list[Line]:
    """Removes the indentation that all lines but the first share."""
    indents = [indent(line.text) for line in lines[1:] if line.text.strip()]
    shared = min(indents, default=0)
    first = [Line(line.number, line.text.strip()) for line in lines[:1]]
    return first + [Line(line.number, line.text[shared:].rstrip()) for line in lines[1:]]


def indent(text: str) -> int:
    """Returns the number of spaces that a line begins with."""
    return len(text) - len(text.lstrip())
