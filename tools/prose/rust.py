"""Reads the prose of Rust files: comments, doc comments, messages of `#[error("…")]`."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from tools import rust
from tools.prose.passage import Kind, Line, Passage

MARKER = re.compile(r"//[/!]?(?!/)|/\*[*!]?|\*/")
PROPERTY = re.compile(r"#\[(?:getter|setter|new|classattr)\b")


@dataclass
class Comment:
    """Consecutive lines that begin with one marker, and the offset of their end."""

    marker: str
    alone: bool
    lines: list[Line]
    end: int


def passages(text: str) -> Iterator[Passage]:
    """Yields the comments of a file, then its error messages."""
    code = rust.blank(text)
    regions = rust.test_regions(code)
    for comment in _comments(text):
        inside = any(comment.end in region for region in regions)
        yield Passage(_kind(comment, text, code), comment.lines, inside)
    for token in rust.TOKEN.finditer(text):
        if token["error"]:
            yield Passage(Kind.MESSAGE, _message(text, token))


def _comments(text: str) -> list[Comment]:
    """Returns the comments; those on consecutive lines with one marker are joined."""
    found: list[Comment] = []
    for token in rust.TOKEN.finditer(text):
        if token["line"] or token["block"]:
            comment = _comment(text, token)
            if found and _continues(found[-1], comment):
                found[-1].lines += comment.lines
                found[-1].end = comment.end
            else:
                found.append(comment)
    return found


def _comment(text: str, token: re.Match[str]) -> Comment:
    marker = MARKER.match(token[0])
    first = rust.line_of(text, token.start())
    lines = [
        Line(number, _unmarked(line)) for number, line in enumerate(token[0].split("\n"), first)
    ]
    before = text[text.rfind("\n", 0, token.start()) + 1 : token.start()]
    return Comment(marker[0] if marker else "//", not before.strip(), lines, token.end())


def _unmarked(line: str) -> str:
    """Removes the marker at the start and at the end, and one space after it."""
    bare = re.sub(r"^\s*(?://[/!]?|/\*[*!]?|\*(?!/))? ?", "", line)
    return bare.removesuffix("*/").rstrip()


def _continues(last: Comment, following: Comment) -> bool:
    """Returns true if both stand alone on consecutive lines with one marker."""
    same = last.marker == following.marker and last.alone and following.alone
    return same and last.lines[-1].number + 1 == following.lines[0].number


def _kind(comment: Comment, text: str, code: str) -> Kind:
    if comment.marker in ("//!", "/*!"):
        return Kind.DOC
    if comment.marker not in ("///", "/**"):
        return Kind.COMMENT
    return Kind.FUNCTION if _documents_function(text, code, comment.end) else Kind.DOC


def _documents_function(text: str, code: str, end: int) -> bool:
    """Returns true if a function follows, after attributes; getters and dunders are none."""
    at = _after_attributes(code, end)
    following = rust.FUNCTION.match(code, code.rfind("\n", 0, at) + 1)
    if following is None or following["name"].startswith("__"):
        return False
    return not PROPERTY.search(text, end, at)


def _after_attributes(code: str, at: int) -> int:
    """Returns where the item begins whose attributes begin at `at`."""
    while True:
        at += len(code[at:]) - len(code[at:].lstrip())
        if not code.startswith("#[", at):
            return at
        at = rust.closing(code, at + 1) + 1


def _message(text: str, token: re.Match[str]) -> list[Line]:
    first = rust.line_of(text, token.start("message"))
    parts = token["message"].split("\n")
    return [Line(first + i, part.strip().removesuffix("\\")) for i, part in enumerate(parts)]
