"""Applies the rules to a file: words, long sentences, openings, long lines, retired names."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import PurePath

from tools.prose import plain, python, rust
from tools.prose.paragraphs import TABLE, paragraphs
from tools.prose.passage import Kind, Line, Passage
from tools.prose.sentences import URL, sentences, spoken
from tools.prose.vocabulary import Vocabulary, snake
from tools.source import is_test, matches

LONGEST_SENTENCE = 25
LONGEST_LINE = {".rs": 100, ".py": 100, ".md": 120}
EXCERPT = 70
VERB = re.compile(r"[A-Z][a-z-]*s\b(?<!ss)")
READERS: dict[str, Callable[[str], Iterator[Passage]]] = {
    ".rs": rust.passages,
    ".py": python.passages,
    ".md": plain.page,
    ".toml": plain.hashes,
    "Makefile": plain.hashes,
    ".ci/run": plain.hashes,
}


@dataclass(frozen=True, order=True)
class Finding:
    """A line that breaks a rule."""

    path: str
    line: int
    rule: str
    excerpt: str

    def __str__(self) -> str:
        """Returns `path:line: rule: excerpt`."""
        return f"{self.path}:{self.line}: {self.rule}: {self.excerpt}"


@dataclass(frozen=True)
class Paragraph:
    """Joined lines, and where each begins."""

    text: str
    starts: list[int]
    numbers: list[int]

    @classmethod
    def of(cls, lines: list[Line]) -> Paragraph:
        """Joins the lines of one paragraph."""
        starts = [0]
        for line in lines[:-1]:
            starts.append(starts[-1] + len(line.text) + 1)
        text = "\n".join(line.text for line in lines)
        return cls(text, starts, [line.number for line in lines])

    def line(self, offset: int) -> int:
        """Returns the number of the line that holds `offset`."""
        return self.numbers[bisect_right(self.starts, offset) - 1]


def reader(path: PurePath) -> Callable[[str], Iterator[Passage]] | None:
    """Returns what reads the file's prose, or nothing for a file without any."""
    for key, reads in READERS.items():
        if path.suffix == key or path.as_posix().endswith(key):
            return reads
    return None


def check(path: PurePath, text: str, vocabulary: Vocabulary) -> list[Finding]:
    """Returns the findings of one file in the order of its lines; exempt ones are left out."""
    reads = reader(path)
    if reads is None:
        return []
    found = [
        Finding(path.as_posix(), line, rule, excerpt)
        for line, rule, excerpt in _findings(path, text, list(reads(text)), vocabulary)
        if not vocabulary.exempts(path, rule)
    ]
    return sorted(set(found))


Found = Iterator[tuple[int, str, str]]


def _findings(path: PurePath, text: str, read: list[Passage], vocabulary: Vocabulary) -> Found:
    yield from _retired(path, text, vocabulary)
    for passage in read:
        for lines in paragraphs(passage):
            paragraph = Paragraph.of(lines)
            yield from _words(paragraph, vocabulary)
            yield from _long(paragraph)
        for line in passage.lines:
            if TABLE.match(line.text):
                yield from _words(Paragraph.of([line]), vocabulary)
        if not (passage.in_tests or is_test(path)):
            yield from _opening(passage, vocabulary)
    yield from _long_lines(path, text, read)


def _words(paragraph: Paragraph, vocabulary: Vocabulary) -> Found:
    hidden = spoken(paragraph.text)
    for pattern, instead in vocabulary.words:
        for found in pattern.finditer(hidden):
            around = paragraph.text[max(found.start() - 20, 0) : found.end() + 20]
            excerpt = f"{' '.join(around.split())} (write: {instead})"
            yield paragraph.line(found.start()), "word", excerpt


def _long(paragraph: Paragraph) -> Found:
    for sentence in sentences(paragraph.text):
        if sentence.words > LONGEST_SENTENCE:
            excerpt = f"{sentence.words} words: {_shortened(sentence.text)}"
            yield paragraph.line(sentence.start), "long", excerpt


def _opening(passage: Passage, vocabulary: Vocabulary) -> Found:
    """Checks how a doc comment begins; a function's must begin with a verb."""
    first = next((line for line in passage.lines if line.text.strip()), None)
    if first is None or not passage.kind.is_doc:
        return
    verb = VERB.match(first.text)
    is_verb = verb is not None and verb[0] not in vocabulary.no_verbs
    needs_verb = passage.kind is Kind.FUNCTION
    if vocabulary.never.match(first.text) or (needs_verb and not is_verb):
        yield first.number, "opening", _shortened(first.text)


def _long_lines(path: PurePath, text: str, read: list[Passage]) -> Found:
    """Checks the width of comments and pages; a URL has none, as it cannot be broken."""
    most = LONGEST_LINE.get(path.suffix)
    source = text.split("\n")
    for number in sorted(_prose_lines(read)):
        width = len(URL.sub("", source[number - 1]))
        if most is not None and width > most:
            yield number, "long line", f"{width} columns, at most {most}"


def _prose_lines(read: list[Passage]) -> set[int]:
    """Returns the lines of comments, and those of pages that are prose."""
    numbers: set[int] = set()
    for passage in read:
        if passage.kind is Kind.PAGE:
            numbers |= {line.number for lines in paragraphs(passage) for line in lines}
        elif passage.kind is not Kind.MESSAGE:
            numbers |= {line.number for line in passage.lines if not TABLE.match(line.text)}
    return numbers


def _retired(path: PurePath, text: str, vocabulary: Vocabulary) -> Found:
    """Looks for names that the project gave up, in every line and in the path itself."""
    lines = [snake(line) for line in [path.as_posix(), *text.split("\n")]]
    for name in vocabulary.retired:
        if matches(path, name.allowed):
            continue
        for number, line in enumerate(lines):
            if found := name.pattern.search(line):
                yield max(number, 1), "retired", f"{found[0]} (write: {name.instead})"


def _shortened(text: str) -> str:
    return text if len(text) <= EXCERPT else f"{text[:EXCERPT].rstrip()}…"
