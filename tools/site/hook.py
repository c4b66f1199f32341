"""The hook of mkdocs: what the site has beside the pages of docs/."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import Files
from mkdocs.structure.pages import Page

from tools.site import commands, navigation, repository, rustdoc

ROOT = Path(__file__).parents[2]


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Adds the files that pages link to, and names the pages of folders in the navigation."""
    shown = repository.add(files, config, ROOT)
    rustdoc.add(shown, config, ROOT)
    config.nav = navigation.expanded(config.nav or [], sorted(shown.src_uris))
    return shown


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Fills in what commands print, and the link to the reference of the crate."""
    del config
    path = page.file.src_uri
    return rustdoc.linked(path, commands.filled(path, markdown), files)
