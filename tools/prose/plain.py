"""Reads the prose of Markdown pages, and of files whose comments begin with `#`."""

from __future__ import annotations

import re
from collections.abc import Iterator

from tools.prose.passage import Kind, Line, Passage

HASH = re.compile(r"""^(?:[^"'#]|"[^"]*"|'[^']*')*?(?:(?<=[\s@])|^)#(?!!)\s?(?P<text>.*)$""")
ECHO = re.compile(r"""^\t?\s*@?echo (?P<quote>["'])(?P<text>.*)(?P=quote)""")


def page(text: str) -> Iterator[Passage]:
    """Yields a Markdown page as one passage; HTML tags and comments become spaces."""
    without = re.sub(r"<!--.*?-->|</?[a-zA-Z][^>]*>", _spaces, text, flags=re.DOTALL)
    lines = [Line(number, line) for number, line in enumerate(without.split("\n"), 1)]
    yield Passage(Kind.PAGE, lines)


def hashes(text: str) -> Iterator[Passage]:
    """Yields the comments of a Makefile, a shell script or a TOML file, and what it echoes."""
    lines: list[Line] = []
    for number, line in enumerate(text.split("\n"), 1):
        comment = HASH.match(line)
        if lines and not (comment and line.strip("\t @").startswith("#")):
            yield Passage(Kind.COMMENT, lines)
            lines = []
        if comment:
            lines.append(Line(number, comment["text"]))
        elif echoed := ECHO.match(line):
            yield Passage(Kind.MESSAGE, [Line(number, echoed["text"])])
    if lines:
        yield Passage(Kind.COMMENT, lines)


def _spaces(found: re.Match[str]) -> str:
    return re.sub(r"[^\n]", " ", found[0])
