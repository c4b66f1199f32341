"""Files to begin with: what stands in the tests of a reader, packed or not."""

from __future__ import annotations

import ast
import bz2
import gzip
import json
import lzma
from collections.abc import Iterator
from pathlib import Path

__all__ = ["MOST", "packed", "seeds"]

TESTS = Path(__file__).parents[2] / "tests"

MOST = 20_000
"""Bytes of a file at most; longer ones are slow and reach no more."""


def seeds(*places: str) -> list[bytes]:
    """Returns the texts and the plain dictionaries and lists in the tests of some places."""
    files = [file for place in places for file in sorted((TESTS / place).rglob("*.py"))]
    files += [TESTS / place for place in places if place.endswith(".py")]
    found = {seed for file in files for seed in _literals(ast.parse(file.read_text()))}
    return sorted(seed for seed in found if len(seed) <= MOST)


def packed(data: bytes) -> list[bytes]:
    """Returns a file as it is, packed in several ways, and in UTF-16."""
    text = data.decode(errors="replace").encode("utf-16", errors="replace")
    return [data, gzip.compress(data, mtime=0), bz2.compress(data), lzma.compress(data), text]


def _literals(tree: ast.AST) -> Iterator[bytes]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str | bytes):
            text = node.value
            yield text.encode(errors="replace") if isinstance(text, str) else text
        elif isinstance(node, ast.Dict | ast.List):
            try:
                yield json.dumps(ast.literal_eval(node)).encode()
            except (ValueError, TypeError):
                continue
