"""Defines a tree of source files: their folders, the edges between them, their circles."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import PurePath

Edges = dict[str, set[str]]


@dataclass(frozen=True)
class Tree:
    """Files below one root, by their path from there, and which file uses which."""

    files: set[str]
    edges: Edges
    tops: set[str] = field(default_factory=set)

    def folder(self, file: str) -> str:
        """Returns the folder of a file; `x.rs` beside `x/` belongs to it, a lone file to itself."""
        path = PurePath(file)
        own = path.with_suffix("").as_posix()
        if any(other.startswith(f"{own}/") for other in self.files):
            return own
        parent = path.parent.as_posix()
        return own if parent == "." else parent

    def unit(self, file: str) -> str | None:
        """Returns what a floor lists: the outermost folder, or nothing for the top itself."""
        return None if file in self.tops else PurePath(self.folder(file)).parts[0]

    def file_circles(self) -> list[list[str]]:
        """Returns the circles between files, each sorted."""
        return circles(self.edges)

    def folder_circles(self) -> list[list[str]]:
        """Returns the circles between folders of which none contains the other."""
        between: Edges = {}
        for file, used in self.edges.items():
            folders = {self.folder(one) for one in used if one not in self.tops}
            here = self.folder(file)
            if file not in self.tops:
                between.setdefault(here, set()).update(
                    one for one in folders if not (_within(one, here) or _within(here, one))
                )
        return circles(between)

    def links(self, circle: list[str]) -> list[tuple[str, str]]:
        """Returns the uses within a circle that lead from one folder to another."""
        pairs = [(file, used) for file in circle for used in sorted(self.edges[file])]
        return [
            (file, used)
            for file, used in pairs
            if used in circle and self.folder(file) != self.folder(used)
        ]

    def crossing(self) -> list[list[str]]:
        """Returns the circles of files that lie in more than one folder."""
        return [circle for circle in self.file_circles() if len({*map(self.folder, circle)}) > 1]


def _within(inner: str, outer: str) -> bool:
    return PurePath(inner).is_relative_to(outer)


def circles(edges: Edges) -> list[list[str]]:
    """Returns the strongly connected components of more than one node, sorted."""
    order: list[str] = []
    seen: set[str] = set()
    for node in sorted(edges):
        _visit(node, seen, order.append, lambda one: sorted(edges.get(one, ())))
    backward = reversed_edges(edges)
    seen = set()
    found: list[list[str]] = []
    for node in reversed(order):
        component: list[str] = []
        _visit(node, seen, component.append, lambda one: sorted(backward.get(one, ())))
        found.append(sorted(component))
    return sorted(component for component in found if len(component) > 1)


def reversed_edges(edges: Edges) -> Edges:
    """Returns the edges with their ends exchanged."""
    backward: Edges = {}
    for node, used in edges.items():
        for one in used:
            backward.setdefault(one, set()).add(node)
    return backward


def _visit(
    root: str,
    seen: set[str],
    leave: Callable[[str], None],
    following: Callable[[str], Iterable[str]],
) -> None:
    """Goes through what is reached from `root`, depth first; calls `leave` on each node's end."""
    if root in seen:
        return
    seen.add(root)
    stack = [(root, iter(following(root)))]
    while stack:
        node, rest = stack[-1]
        fresh = next((one for one in rest if one not in seen), None)
        if fresh is None:
            leave(node)
            stack.pop()
        else:
            seen.add(fresh)
            stack.append((fresh, iter(following(fresh))))
