"""Compares the trees and the sizes with the declared floors and limits."""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tools.layout import python, rust, sizes
from tools.layout.sizes import Length, Summary
from tools.layout.tree import Tree

FLOORS = Path(__file__).with_name("floors.toml")
READERS: dict[str, Callable[[Path], Tree]] = {
    "rust": rust.read,
    "bindings": rust.read,
    "python": python.read,
}
SUFFIXES = {"rust": ".rs", "bindings": ".rs", "python": ".py"}


@dataclass(frozen=True)
class Part:
    """One language's part: its tree, its floor violations, its functions."""

    language: str
    tree: Tree
    violations: list[str]
    functions: Summary | None


@dataclass(frozen=True)
class House:
    """Holds all that is measured, and the limits."""

    parts: list[Part]
    long_files: list[Length]
    limits: dict[str, Any]

    def faults(self) -> Iterator[str]:
        """Yields what breaks a rule, a line each."""
        for part in self.parts:
            for circle in part.tree.crossing():
                yield f"{part.language}: circle of files: {' ⇄ '.join(circle)}"
                yield from (f"    {one} uses {other}" for one, other in part.tree.links(circle))
            yield from (f"{part.language}: {fault}" for fault in part.violations)
            yield from self._long_functions(part)
        for one in self.long_files:
            yield f"{one.what}: {one.lines} lines, at most {self.limits['file_lines']}"

    def _long_functions(self, part: Part) -> Iterator[str]:
        lengths = part.functions
        if lengths is None:
            return
        for title, lines, most in (
            ("median", lengths.median, self.limits["function_median"]),
            ("90th percentile", lengths.ninth_decile, self.limits["function_ninth_decile"]),
        ):
            if lines > most:
                yield f"{part.language}: {title} of functions: {lines} lines, at most {most}"


def violations(tree: Tree, floors: list[list[str]], test_only: list[str]) -> Iterator[str]:
    """Yields the uses that lead upwards or to test-only units, and the units without a floor."""
    level = {unit: i for i, floor in enumerate(floors) for unit in floor}
    units = {unit for file in tree.files if (unit := tree.unit(file)) is not None}
    for unit in sorted(units - level.keys() - set(test_only)):
        yield f"{unit} stands on no floor (tools/layout/floors.toml)"
    for file, used in sorted(tree.edges.items()):
        for target in sorted(used):
            here, there = tree.unit(file), tree.unit(target)
            if there in test_only and here != there:
                yield f"{file} uses {target}, which is for tests alone"
            elif here in level and there in level and level[here] < level[there]:
                yield f"{file} uses {target}, a floor above it"


def measure(root: Path, files: list[Path], floors: Path = FLOORS) -> House:
    """Reads the trees that the floors name, and measures all `files`."""
    data = tomllib.loads(floors.read_text(encoding="utf-8"))
    limits = data["limits"]
    parts = [
        _part(language, root, files, data[language]) for language in READERS if language in data
    ]
    long = sizes.long_files(root, files, limits["file_lines"], limits["long_files"])
    return House(parts, long, limits)


def _part(language: str, root: Path, files: list[Path], declared: dict[str, Any]) -> Part:
    tree = READERS[language](root / declared["root"])
    found = [*violations(tree, declared["floors"], declared["test_only"])]
    tested = [*_left_out(tree, files, Path(declared["root"]))]
    shipped = [path for path in files if path not in tested]
    lengths = sizes.functions(root, shipped, SUFFIXES[language])
    return Part(language, tree, found, sizes.summary(lengths))


def _left_out(tree: Tree, files: list[Path], below: Path) -> Iterator[Path]:
    """Yields the files below the tree's root that are not in it: they serve tests alone."""
    for path in files:
        if path.is_relative_to(below) and path.relative_to(below).as_posix() not in tree.files:
            yield path
