"""Names the pages of whole folders in the navigation."""

from __future__ import annotations

from fnmatch import fnmatch
from typing import Any


def expanded(nav: Any, paths: list[str]) -> Any:
    """Returns the navigation with the pages that each `*` stands for, in their order.

    What stands for nothing is left as it is, and mkdocs warns of it.

    >>> expanded([{"A": ["a/*"]}, {"B": "b.md"}], ["a/1.md", "a/2.md", "b.md"])
    [{'A': ['a/1.md', 'a/2.md']}, {'B': 'b.md'}]
    """
    if isinstance(nav, dict):
        return {title: expanded(inside, paths) for title, inside in nav.items()}
    if isinstance(nav, list):
        return [one for item in nav for one in _several(item, paths)]
    return nav


def _several(item: Any, paths: list[str]) -> list[Any]:
    if not isinstance(item, str) or "*" not in item:
        return [expanded(item, paths)]
    found = [path for path in paths if path.endswith(".md") and fnmatch(path, item)]
    # The page about the folder comes first.
    return sorted(found, key=lambda path: not path.endswith("/index.md")) or [item]
