"""Shows files of the repository that lie outside docs/ as pages, so that links to them work.

A file keeps its path in the repository as its source, and so mkdocs resolves and checks every
relative link as it is written. Only the place in the site differs.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files, InclusionLevel

from tools.source import tracked

DOCS = "docs"
# Where files outside docs/ lie in the site.
ELSEWHERE = "repository"
PICTURES = {".gif", ".jpg", ".png", ".svg"}
LANGUAGES = {".py": "python", ".pyi": "python", ".rs": "rust", ".toml": "toml", ".sh": "sh"}
# A longer file is copied as it is.
LONGEST = 200_000
LINK = re.compile(r"\]\(<?([^)\s>]+)|^ {0,3}\[[^\]]+\]: *<?(\S+?)>?(?: |$)", re.MULTILINE)
HEAD = "---\ntitle: {title}\nsearch:\n  exclude: true\n---\n\n"


class SourcePage(File):
    """A page of the site whose source need not be Markdown."""

    def is_documentation_page(self) -> bool:
        """Returns true: mkdocs would ask the ending of the name."""
        return True


def add(files: Files, config: MkDocsConfig, root: Path) -> Files:
    """Returns the files of docs/ under their paths in the repository, with all that they link to.

    Markdown of the whole repository is there, linked or not, and so its links are checked.
    """
    paths = [path.as_posix() for path in tracked(root)]
    known = {*paths, *_folders(paths)}
    shown = Files(_moved(file, config, root) for file in files)
    todo = [path for path in {*paths, *shown.src_uris} if path.endswith(".md")]
    seen: set[str] = set()
    while todo:
        path = todo.pop()
        seen.add(path)
        if shown.get_file_from_path(path) is None:
            shown.append(_shown(path, config, root))
        todo += [one for one in set(_next(path, root, known)) if one not in seen]
    for file in shown:
        if file.src_uri in known and (root / file.src_uri).is_dir():
            file.content_string = listing(file.src_uri, known, shown)
    return shown


def _next(path: str, root: Path, known: set[str]) -> Iterator[str]:
    """Yields the files that a page leads to: its links, or the files of a folder."""
    if (root / path).is_dir():
        yield from (one for one in _inside(path, known) if (root / one).is_file())
    elif path.endswith(".md"):
        text = (root / path).read_text(encoding="utf-8")
        yield from (one for one in targets(path, text) if one in known)


def targets(path: str, text: str) -> Iterator[str]:
    """Yields the paths in the repository to which a page seems to link.

    >>> list(targets("docs/a.md", "[b](../examples/b.py#c) [d](https://e) [f](#g)"))
    ['examples/b.py']
    """
    for inline, defined in LINK.findall(text):
        link = (inline or defined).partition("#")[0]
        if link and ":" not in link:
            yield posixpath.normpath(posixpath.join(posixpath.dirname(path), link))


def _folders(paths: list[str]) -> set[str]:
    return {str(folder) for path in paths for folder in PurePosixPath(path).parents}


def _moved(file: File, config: MkDocsConfig, root: Path) -> File:
    """Returns a file of docs/ under its path in the repository, at the place that it had."""
    if file.src_dir is None or Path(file.src_dir) != root / DOCS:
        return file
    path = f"{DOCS}/{file.src_uri}"
    urls = config.use_directory_urls
    return File(path, str(root), config.site_dir, urls, dest_uri=file.dest_uri)


def _inside(path: str, known: set[str]) -> list[str]:
    return [one for one in known if one != "." and str(PurePosixPath(one).parent) == path]


def _shown(path: str, config: MkDocsConfig, root: Path) -> File:
    """Returns a page for a file or folder outside docs/. What is no short text is copied."""
    place = root / path
    if path.endswith(".md"):
        return _file(path, f"{path.removesuffix('.md')}.html", config, root)
    if place.is_dir():
        return _file(path, f"{path}/index.html", config, root)
    text = _text(place)
    if text is None:
        return _file(path, path, config, root, File)
    page = _file(path, f"{path}.html", config, root)
    page.content_string = code(path, text)
    return page


def _text(place: Path) -> str | None:
    if place.suffix in PICTURES or place.stat().st_size > LONGEST:
        return None
    try:
        return place.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        return None


def _file(
    path: str, to: str, config: MkDocsConfig, root: Path, kind: type[File] = SourcePage
) -> File:
    urls, hidden = config.use_directory_urls, InclusionLevel.NOT_IN_NAV
    to = f"{ELSEWHERE}/{to}"
    return kind(path, str(root), config.site_dir, urls, dest_uri=to, inclusion=hidden)


def code(path: str, text: str) -> str:
    """Returns the Markdown of a page that shows a file of code or text."""
    ticks = max((len(run) for run in re.findall("`+", text)), default=0)
    fence = "`" * max(3, ticks + 1)
    language = LANGUAGES.get(PurePosixPath(path).suffix, "text")
    return f"{HEAD.format(title=path)}# {path}\n\n{fence}{language}\n{text.rstrip()}\n{fence}\n"


def listing(path: str, known: set[str], shown: Files) -> str:
    """Returns the Markdown of a page that lists a folder; what has a page is a link."""
    names = sorted(_inside(path, known), key=lambda one: (not one.endswith("/README.md"), one))
    lines = [f"- {_entry(path, one, shown)}" for one in names]
    return f"{HEAD.format(title=path)}# {path}\n\n" + "\n".join(lines) + "\n"


def _entry(path: str, target: str, shown: Files) -> str:
    name = PurePosixPath(target).name
    if shown.get_file_from_path(target) is None:
        return f"`{name}`"
    return f"[{name}]({posixpath.relpath(target, posixpath.dirname(path) or '.')})"
