"""The hook of mkdocs: what the site has beside the pages of docs/, and what is checked."""

from __future__ import annotations

import logging
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import Files
from mkdocs.structure.pages import Page

from tools.site import built, commands, navigation, plain, repository, rustdoc

ROOT = Path(__file__).parents[2]
# `mkdocs build --strict` counts the warnings of this logger.
LOG = logging.getLogger("mkdocs.hooks.multibin")


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Adds the files that pages link to, and names the pages of folders in the navigation."""
    shown = repository.add(files, config, ROOT)
    rustdoc.add(shown, config, ROOT)
    config.nav = navigation.expanded(config.nav, sorted(shown.src_uris))
    return shown


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Fills in what commands print, and the link to the reference of the crate."""
    del config
    path = page.file.src_uri
    return rustdoc.linked(path, commands.filled(path, markdown), files)


def on_page_content(html: str, page: Page, config: MkDocsConfig, files: Files) -> None:
    """Warns if the page does not look like the plain file."""
    del config, files
    markdown = page.markdown or ""
    # mkdocstrings writes the pages that have its marks.
    if page.file.src_uri.endswith(".md") and "\n::: " not in markdown:
        for line in plain.differences(markdown, html):
            LOG.warning("%s shows %s", page.file.src_uri, line)


def on_post_build(config: MkDocsConfig) -> None:
    """Warns of links without a target, and of what would be loaded from elsewhere."""
    for fault in built.faults(Path(config.site_dir), rustdoc.PLACE):
        LOG.warning("%s", fault)
