"""Takes Rust source apart without a parser: comments, strings, test regions, functions."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

TOKEN = re.compile(
    r"""
    (?P<line>//[^\n]*)
  | (?P<block>/\*.*?\*/)
  | (?P<error>\#\[error\(\s*"(?P<message>(?:[^"\\]|\\.)*)")
  | (?P<raw>\bb?r(?P<hashes>\#*)".*?"(?P=hashes))
  | (?P<string>"(?:[^"\\]|\\.)*")
  | (?P<char>'(?:[^'\\\n]|\\(?:u\{[^}]*\}|x..|.))')
    """,
    re.VERBOSE | re.DOTALL,
)
VISIBILITY = r"(?:pub(?:\([^)]*\))?\s+)?"
TESTED = r"#\[cfg\((?:all\(|any\()?\s*test\b[^\]]*\]\s*(?:#\[[^\]]*\]\s*)*"
TEST_MODULE = re.compile(rf"{TESTED}{VISIBILITY}mod\s+\w+\s*\{{")
TEST_FILE = re.compile(rf"{TESTED}{VISIBILITY}mod\s+(\w+)\s*;")
MODIFIERS = r"(?:(?:default|const|async|unsafe|extern(?:\s+\"[^\"]*\")?)\s+)*"
FUNCTION = re.compile(rf"^[ \t]*{VISIBILITY}{MODIFIERS}fn\s+(?P<name>\w+)", re.MULTILINE)
PAIRS = {"{": "}", "[": "]", "(": ")"}


@dataclass(frozen=True)
class Function:
    """A function with a body: its name and the lines from `fn` to the closing brace."""

    name: str
    first: int
    last: int


def blank(text: str) -> str:
    """Replaces comments and strings by spaces, so that offsets and lines stay."""
    return TOKEN.sub(lambda token: re.sub(r"[^\n]", " ", token[0]), text)


def line_of(text: str, offset: int) -> int:
    """Returns the number of the line that holds `offset`, from 1."""
    return text.count("\n", 0, offset) + 1


def closing(code: str, opening: int) -> int:
    """Returns the offset of the bracket that closes the one at `opening`, or the end."""
    left, right = code[opening], PAIRS[code[opening]]
    depth = 0
    for found in re.compile(f"[{re.escape(left + right)}]").finditer(code, opening):
        depth += 1 if found[0] == left else -1
        if depth == 0:
            return found.start()
    return len(code)


def test_regions(code: str) -> list[range]:
    """Returns the offsets of the inline `#[cfg(test)]` modules; `code` is blanked."""
    found = TEST_MODULE.finditer(code)
    return [range(one.start(), closing(code, one.end() - 1) + 1) for one in found]


def without_tests(code: str) -> str:
    """Replaces the inline test modules of blanked code by spaces."""
    for region in test_regions(code):
        hidden = re.sub(r"[^\n]", " ", code[region.start : region.stop])
        code = code[: region.start] + hidden + code[region.stop :]
    return code


def functions(code: str) -> Iterator[Function]:
    """Yields the functions with a body; `code` is blanked."""
    for found in FUNCTION.finditer(code):
        end = _body(code, found.end())
        if end is not None:
            start = found.start() + len(found[0]) - len(found[0].lstrip())
            yield Function(found["name"], line_of(code, start), line_of(code, end))


def _body(code: str, after: int) -> int | None:
    """Returns where the body ends, or nothing for a declaration."""
    arguments = code.find("(", after)
    for found in re.compile(r"\[[^\]]*\]|[{;]").finditer(code, closing(code, arguments)):
        if found[0] in "{;":  # not an array's type
            return closing(code, found.start()) if found[0] == "{" else None
    return None
