"""Measures the rooms: lines of files, and of functions outside tests."""

from __future__ import annotations

import ast
import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tools import rust
from tools.source import is_test, matches

SOURCES = {".rs", ".py", ".pyi", ".toml", ".sh", ".c"}


@dataclass(frozen=True)
class Length:
    """How many lines a file or a function has."""

    what: str
    lines: int


@dataclass(frozen=True)
class Summary:
    """Median, 90th percentile (nearest rank) and the longest of some lengths."""

    count: int
    median: int
    ninth_decile: int
    longest: Length


def long_files(root: Path, files: list[Path], most: int, exempt: list[str]) -> list[Length]:
    """Returns the source files with more than `most` lines, the longest first."""
    sources = [one for one in files if one.suffix in SOURCES or not one.suffix]
    lengths = [
        Length(path.as_posix(), len((root / path).read_text(encoding="utf-8").splitlines()))
        for path in sources
        if not matches(path, exempt)
    ]
    return sorted((one for one in lengths if one.lines > most), key=lambda one: -one.lines)


def summary(lengths: list[Length]) -> Summary | None:
    """Returns the quantiles, or nothing of no functions."""
    if not lengths:
        return None
    ordered = sorted(lengths, key=lambda one: one.lines)
    rank = [ordered[math.ceil(len(ordered) * share) - 1].lines for share in (0.5, 0.9)]
    return Summary(len(ordered), rank[0], rank[1], ordered[-1])


def functions(root: Path, files: list[Path], suffix: str) -> list[Length]:
    """Returns the lengths of all functions outside tests in files that end in `suffix`."""
    measure = rust_functions if suffix == ".rs" else python_functions
    return [
        Length(f"{path.as_posix()}:{length.what}", length.lines)
        for path in files
        if path.suffix == suffix and not is_test(path)
        for length in measure((root / path).read_text(encoding="utf-8"))
    ]


def rust_functions(text: str) -> Iterator[Length]:
    """Yields the functions of Rust source, each from `fn` to its closing brace."""
    for one in rust.functions(rust.without_tests(rust.blank(text))):
        yield Length(one.name, one.last - one.first + 1)


def python_functions(text: str) -> Iterator[Length]:
    """Yields the functions of Python source, each from `def` to its end, without its docstring."""
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            last = node.end_lineno or node.lineno
            yield Length(node.name, last - node.lineno + 1 - _docstring(node))


def _docstring(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    if ast.get_docstring(node, clean=False) is None:
        return 0
    first = node.body[0]
    return (first.end_lineno or first.lineno) - first.lineno + 1
