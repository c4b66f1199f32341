"""Reads the fenced blocks of a Markdown page and their marks."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from tools.source import tracked

ROOT = Path(__file__).parents[2]
SHELL = {"console", "sh", "bash"}
LANGUAGES = {"python", "json", "jsonl", "toml", "yaml", "rust", "text", "diff", *SHELL}

FENCE = re.compile(r"^(?P<indent> *)(?P<fence>`{3,}|~{3,})(?P<language>.*)$")
COMMENT = re.compile(r"^ {0,3}<!--(?P<text>.*?)-->[ ]*$", re.MULTILINE | re.DOTALL)
MARK = re.compile(r"(?P<name>not run|[a-z]+)(?::\s*(?P<argument>.*))?", re.DOTALL)
ITEM = re.compile(r"^(?:[-*+]|\d+[.)]|!!!|\?\?\?\+?|===) ?")


class PageError(Exception):
    """Says what is wrong with a page, and on which line."""

    def __init__(self, path: Path, line: int, fault: str) -> None:
        super().__init__(f"{shown(path)}:{line}: {fault}")


@dataclass(frozen=True)
class Marks:
    """What the comments before a block ask for."""

    line: int = 0
    fresh: bool = False
    clone: bool = False
    output: bool = False
    not_run: str | None = None
    file: str | None = None


@dataclass(frozen=True)
class Block:
    """A fenced block, or a hidden one; ``line`` is that of its first line of code."""

    line: int
    language: str
    code: str
    marks: Marks = Marks()
    hidden: bool = False

    @property
    def fate(self) -> str:
        """Says what happens to the block."""
        if self.marks.not_run is not None:
            return f"not run: {self.marks.not_run}"
        if self.marks.file is not None:
            return f"written to {self.marks.file}"
        if self.marks.output:
            return "compared"
        if self.hidden:
            return "run without being shown"
        if self.language in SHELL or self.language == "python":
            return "run"
        return {"text": "shown", "diff": "shown", "rust": "run by cargo test"}.get(
            self.language, "parsed"
        )


@dataclass
class Page:
    """A page and its blocks, in order."""

    path: Path
    blocks: list[Block] = field(default_factory=list)

    @classmethod
    def read(cls, path: Path) -> Page:
        """Reads a file; raises PageError for a block or a mark that is not allowed."""
        return cls(path, list(_Reader(path).blocks()))


def pages() -> list[Path]:
    """Returns the pages of the repository, in the order of their names."""
    return sorted(ROOT / path for path in tracked(ROOT) if path.suffix == ".md")


def shown(path: Path) -> str:
    """Returns the path as seen from the root of the repository."""
    return path.relative_to(ROOT).as_posix() if path.is_relative_to(ROOT) else str(path)


class _Reader:
    """Goes through the lines of a page and keeps the marks that wait for a block."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.text = path.read_text(encoding="utf-8")
        self.lines = self.text.split("\n")
        self.marks = Marks()

    def blocks(self) -> Iterator[Block]:
        """Yields the blocks of the page."""
        at, nested, blank = 0, False, True
        while at < len(self.lines):
            line = self.lines[at]
            if fence := FENCE.match(line):
                block, at = self._fenced(fence, at)
                yield block
            elif comment := self._comment(at):
                yield from self._marked(comment, at + 1)
                at += comment[0].count("\n") + 1
            else:
                nested = bool(ITEM.match(line)) if line[:1].strip() else nested
                if line.startswith("    ") and line.strip() and blank and not nested:
                    self._fail(at + 1, "an indented block: fence it")
                if line.strip():
                    self._used()
                at += 1
            blank = not line.strip()
        self._used()

    def _fenced(self, fence: re.Match[str], start: int) -> tuple[Block, int]:
        """Returns the block that begins on a line, and the line behind it."""
        closing = re.compile(rf"^ *{fence['fence'][0]}{{{len(fence['fence'])},}} *$")
        end = next(
            (i for i in range(start + 1, len(self.lines)) if closing.match(self.lines[i])), 0
        )
        language = fence["language"].strip()
        if not end:
            self._fail(start + 1, "the block does not end")
        if language not in LANGUAGES:
            self._fail(
                start + 1, f"the language must be one of {sorted(LANGUAGES)}, got {language!r}"
            )
        code = "".join(f"{line}\n" for line in self.lines[start + 1 : end])
        if fence["indent"]:
            code = textwrap.dedent(code)
        marks, self.marks = self.marks, Marks()
        return Block(start + 2, language, code, marks), end + 1

    def _comment(self, at: int) -> re.Match[str] | None:
        """Returns the comment that begins on a line and ends at the end of one."""
        start = sum(len(line) + 1 for line in self.lines[:at])
        return COMMENT.match(self.text, start)

    def _marked(self, comment: re.Match[str], line: int) -> Iterator[Block]:
        """Keeps the mark of a comment; yields the block of a hidden one."""
        head, _, code = comment["text"].strip(" ").partition("\n")
        if head in ("setup", "check"):
            marks, self.marks = self.marks, replace(self.marks, fresh=False, clone=False)
            yield Block(
                line + 1, "python", code, Marks(line, marks.fresh, marks.clone), hidden=True
            )
            return
        found = MARK.fullmatch(comment["text"].strip())
        name, argument = (found["name"], found["argument"]) if found else (None, None)
        if name in ("fresh", "clone", "output") and argument is None:
            self._mark(line, **{name: True})
        elif name in ("not run", "file") and argument:
            self._mark(line, **{name.replace(" ", "_"): argument})
        elif self._stands_before_a_block(comment) or name in ("not run", "file"):
            self._fail(line, f"an unknown mark: {head.strip()}")

    def _mark(self, line: int, **marks: Any) -> None:
        self.marks = replace(self.marks, line=line, **marks)

    def _stands_before_a_block(self, comment: re.Match[str]) -> bool:
        following = self.text[comment.end() :].lstrip("\n").partition("\n")[0]
        return bool(FENCE.match(following))

    def _used(self) -> None:
        """Raises if a mark stands before no block."""
        if self.marks.line:
            self._fail(self.marks.line, "the mark must stand directly before a block")

    def _fail(self, line: int, fault: str) -> None:
        raise PageError(self.path, line, fault)
