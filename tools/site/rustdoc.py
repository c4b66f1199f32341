"""Takes what ``cargo doc`` built into the site."""

from __future__ import annotations

from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files, InclusionLevel

PAGE = "docs/reference/rust.md"
BUILT = "target/doc"
INDEX = "multibin/index.html"
PLACE = "reference/crate"
# What rustdoc writes for other crates of the workspace stays out.
FOLDERS = ["multibin", "search.index", "src/multibin", "static.files", "trait.impl", "type.impl"]


class Asset(File):
    """A file that is copied, also where its name ends in .md."""

    def is_documentation_page(self) -> bool:
        """Returns false."""
        return False


def add(files: Files, config: MkDocsConfig, root: Path) -> None:
    """Adds the reference of the crate, if it is built."""
    built = root / BUILT
    found = [path for name in FOLDERS for path in (built / name).rglob("*")]
    for path in sorted([*found, *built.glob("*.js"), *built.glob("*.html")]):
        if path.is_file():
            inside = path.relative_to(built).as_posix()
            file = Asset(f"{BUILT}/{inside}", str(root), config.site_dir, use_directory_urls=False)
            file.dest_uri, file.inclusion = f"{PLACE}/{inside}", InclusionLevel.NOT_IN_NAV
            files.append(file)


def linked(path: str, markdown: str, files: Files) -> str:
    """Returns the page about the crate with a link to its reference, if that is in the site."""
    if path != PAGE or files.get_file_from_path(f"{BUILT}/{INDEX}") is None:
        return markdown
    return f"{markdown}\n**[The reference of the crate](../../{BUILT}/{INDEX})**\n"
