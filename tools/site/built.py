"""Checks the built site: every link and picture is there, and nothing is loaded from elsewhere.

mkdocs checks the links of Markdown. This also meets those of HTML, of templates and of docstrings.
"""

from __future__ import annotations

import html
import posixpath
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from urllib.parse import unquote, urlsplit

# A canonical link names the page, and loads nothing.
LINK = re.compile(
    r"""<(?!link rel="canonical")(\w+)\b[^>]*?\s(?:href|src)=("[^"]*"|'[^']*'|[^\s>]+)"""
)
ANCHOR = re.compile(r"""\s(?:id|name)=(?:"([^"]*)"|'([^']*)'|([^\s>]+))""")


def faults(site: Path, skip: str) -> Iterator[str]:
    """Yields a line for each fault, with the first page that has it.

    Pages below the folder `skip` are not read, but may be linked to.
    """
    met: set[str] = set()
    for page in sorted(site.rglob("*.html")):
        path = page.relative_to(site).as_posix()
        links = set() if path.startswith(f"{skip}/") else _links(page)
        found = {fault for tag, link in sorted(links) if (fault := _fault(site, path, tag, link))}
        yield from (f"{path}: {fault}" for fault in sorted(found - met))
        met |= found


def _links(page: Path) -> set[tuple[str, str]]:
    found = LINK.findall(page.read_text(encoding="utf-8"))
    return {(tag, html.unescape(link.strip("\"'"))) for tag, link in found}


def _fault(site: Path, path: str, tag: str, link: str) -> str:
    """Returns what is wrong with a link, in the same words on all pages."""
    parts = urlsplit(link)
    if parts.scheme or parts.netloc:
        loaded = tag != "a" and parts.scheme != "data"
        return f"{link} is loaded from elsewhere" if loaded else ""
    # 404.html is served at any address, so its links begin at the root.
    inside = unquote(parts.path).lstrip("/" if path == "404.html" else "")
    target = posixpath.normpath(posixpath.join(posixpath.dirname(path), inside)) if inside else path
    place = site / target
    place = place / "index.html" if place.is_dir() else place
    if not place.is_file():
        return f"there is no {target}"
    anchored = parts.fragment and place.suffix == ".html"
    known = not anchored or unquote(parts.fragment) in _anchors(place)
    return "" if known else f"{target} has no anchor #{parts.fragment}"


@cache
def _anchors(page: Path) -> set[str]:
    found = ANCHOR.findall(page.read_text(encoding="utf-8"))
    return {html.unescape("".join(names)) for names in found}
