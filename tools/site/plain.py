"""Compares a page of the site with what CommonMark makes of the same file.

Readers of the plain files see CommonMark. mkdocs takes another dialect: a blank line stands before
a list, and what belongs to an item of a list is indented by four spaces.
"""

from __future__ import annotations

import re

from markdown_it import MarkdownIt

TAGS = ("ol", "ul", "li", "tr", "pre", "blockquote", "h1", "h2", "h3", "img")
FRONT = re.compile(r"\A---\n.*?\n---\n", re.DOTALL)


def differences(markdown: str, html: str) -> list[str]:
    """Returns a line for each element that the site shows more or less often.

    >>> differences("- a\\n  - b\\n", "<ul><li>a</li><li>b</li></ul>")
    ['1 × <ul>, 2 × in the plain file; lists need a blank line before and 4 spaces inside']
    """
    plain = MarkdownIt("commonmark").enable("table").render(FRONT.sub("", markdown))
    pairs = [(tag, _count(tag, html), _count(tag, plain)) for tag in TAGS]
    hint = "in the plain file; lists need a blank line before and 4 spaces inside"
    return [f"{ours} × <{tag}>, {theirs} × {hint}" for tag, ours, theirs in pairs if ours != theirs]


def _count(tag: str, html: str) -> int:
    return len(re.findall(rf"<{tag}[ >/]", html))
