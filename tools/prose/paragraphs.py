"""Cuts a passage into paragraphs: what a sentence cannot cross, without code and tables."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from tools.prose.passage import Line, Passage, indent

FENCE = re.compile(r"^\s*(?:>\s*)?(?:```|~~~)")
TABLE = re.compile(r"^\s*\|")
HEADING = re.compile(r"^#{1,6} ")
RULE = re.compile(r"^[\s=*_~^-]*$")
SECTION = re.compile(
    r"^(?:Args|Arguments|Attributes|Examples?|Notes?|Parameters|Raises|Returns|Yields):$"
)
ITEM = re.compile(r"^\s*(?:[-*+•]|\d+[.)])\s+")
NAMED = re.compile(r"^\s+[*\w.,` ]+?(?:\([^)]*\))?:(?:\s+|$)")
REFERENCE = re.compile(r"^\s*\[[^\]]+\]:\s")


@dataclass
class Reader:
    """Goes through the lines of a passage and keeps the paragraph that is open."""

    paragraph: list[Line] = field(default_factory=list)
    fenced: bool = False
    session: bool = False
    literal: int | None = None
    section: bool = False
    after_blank: bool = False

    def read(self, line: Line) -> Iterator[list[Line]]:
        """Takes one line; yields the paragraph that it ends."""
        text = line.text
        if self._is_code(text):
            yield from self.flush()
        elif not text.strip() or SECTION.match(text) or RULE.match(text):
            yield from self.flush()
            self.section = bool(SECTION.match(text)) or (self.section and not text.strip())
        else:
            yield from self._prose(line)
        self.after_blank = not text.strip()

    def flush(self) -> Iterator[list[Line]]:
        """Ends the open paragraph."""
        if self.paragraph:
            yield self.paragraph
        self.paragraph = []

    def _prose(self, line: Line) -> Iterator[list[Line]]:
        self.section = self.section and indent(line.text) > 0
        bare = self._bare(line.text)
        if bare != line.text or HEADING.match(line.text):
            yield from self.flush()
        self.paragraph.append(Line(line.number, bare))
        if HEADING.match(line.text):
            yield from self.flush()
        if bare.endswith("::"):
            self.literal = indent(line.text)

    def _bare(self, text: str) -> str:
        """Removes what opens a list item, a named item of a section, or a quotation."""
        start = NAMED.match(text) if self.section else None
        start = start or ITEM.match(text) or re.match(r"^\s*>\s?", text)
        return " " * start.end() + text[start.end() :] if start else text

    def _is_code(self, text: str) -> bool:
        """Returns true inside a fence, a doctest or a literal block, and for tables."""
        if FENCE.match(text):
            self.fenced = not self.fenced
            return True
        self.session = text.lstrip().startswith(">>>") or (self.session and bool(text.strip()))
        tabular = bool(TABLE.match(text) or REFERENCE.match(text))
        return self.fenced or self.session or self._is_literal(text) or tabular

    def _is_literal(self, text: str) -> bool:
        """Returns true for a block that is indented after `::`, or by four after a blank line."""
        if not text.strip():
            return False
        if self.literal is None and not self.section and not self.paragraph:
            self.literal = 0 if self.after_blank and indent(text) >= 4 else None
        if self.literal is not None and indent(text) <= self.literal:
            self.literal = None
        return self.literal is not None


def paragraphs(passage: Passage) -> Iterator[list[Line]]:
    """Yields the paragraphs of a passage."""
    reader = Reader()
    for line in passage.lines:
        yield from reader.read(line)
    yield from reader.flush()
