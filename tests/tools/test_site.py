"""The documentation site: what it adds to the pages of docs/, and what it checks."""

from __future__ import annotations

import re
from pathlib import Path

import griffe
import pytest
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

import multibin
from tools.site import built, commands, docstrings, navigation, plain, repository, rustdoc

ROOT = Path(__file__).parents[2]
PYTHON = ROOT / "docs/reference/python"


@pytest.fixture(scope="module")
def package() -> griffe.Module:
    loaded = griffe.load("multibin", search_paths=[ROOT / "python"])
    assert isinstance(loaded, griffe.Module)
    return loaded


@pytest.fixture
def config(tmp_path: Path) -> MkDocsConfig:
    config = MkDocsConfig()
    config.load_dict({"site_name": "x", "docs_dir": "docs", "site_dir": str(tmp_path / "site")})
    config.use_directory_urls = False
    return config


def documented() -> list[str]:
    pages = [page.read_text() for page in sorted(PYTHON.glob("*.md"))]
    return [name for text in pages for name in re.findall(r"^::: (\S+)$", text, re.MULTILINE)]


def public(module: griffe.Module) -> list[griffe.Module]:
    """Returns the module and those below it whose names users may write."""
    inner = [one for name, one in module.modules.items() if not name.startswith("_")]
    return [module, *(below for one in inner if not one.is_alias for below in public(one))]


def home(package: griffe.Module, path: str) -> str:
    return str(package[path.removeprefix("multibin.")].canonical_path)


def test_the_index_lists_the_names_of_the_package() -> None:
    index = (PYTHON / "index.md").read_text()
    listed = dict(re.findall(r"^\| \[`(\w+)`\]\((\S+)\) \| .+ \|$", index, re.MULTILINE))
    assert listed.keys() == multibin._HOMES.keys()
    for name, page in listed.items():
        assert re.search(rf"^::: \S+\.{name}$", (PYTHON / page).read_text(), re.MULTILINE)


def test_the_reference_has_every_public_name(package: griffe.Module) -> None:
    there = {home(package, name) for name in documented()}
    names = [
        f"{module.path}.{name}"
        for module in public(package)
        if module.path not in ("multibin.cli", "multibin.lab")
        for name in map(str, module.exports or [])
    ]
    assert len(names) > 200
    missing = {name for name in names if not package[name.removeprefix("multibin.")].is_module}
    assert sorted(name for name in missing if home(package, name) not in there) == []


def test_the_reference_has_the_names_that_are_imported_later(package: griffe.Module) -> None:
    from multibin import _HOMES

    there = {home(package, name) for name in documented()}
    assert {name for name in _HOMES if home(package, f"multibin.{name}") not in there} == set()


def test_the_reference_has_a_name_once(package: griffe.Module) -> None:
    homes = [home(package, name) for name in documented()]
    assert sorted({one for one in homes if homes.count(one) > 1}) == []


def test_every_page_of_python_is_in_its_index() -> None:
    index = (PYTHON / "index.md").read_text()
    pages = {page.name for page in PYTHON.glob("*.md")} - {"index.md"}
    assert set(re.findall(r"\]\(([a-z-]+\.md)\)", index)) == pages


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Does.", "Does."),
        (">>> 1\n1\n\nAfter.", "```pycon\n>>> 1\n1\n```\n\nAfter."),
        ("    >>> 1  # doctest: +SKIP\n    1", "    ```pycon\n    >>> 1\n    1\n    ```\n"),
        (">>> a\n<BLANKLINE>\nb", "```pycon\n>>> a\n\nb\n```\n"),
    ],
)
def test_examples_are_fenced(text: str, expected: str) -> None:
    assert docstrings.fenced(text) == expected


def test_arguments_that_share_a_line_are_parted() -> None:
    text = "Args:\n    a, b: two\n        lines.\n    c: one.\n"
    parted = "Args:\n    a: two\n        lines.\n    b: two\n        lines.\n    c: one.\n"
    assert docstrings.parted(text) == parted


def test_a_compiled_class_has_the_signature_of_new() -> None:
    extensions = griffe.load_extensions(docstrings.Docstrings)
    loaded = griffe.load("multibin", search_paths=[ROOT / "python"], extensions=extensions)
    gate = loaded["Gate"]
    assert [one.name for one in gate.parameters][-2:] == ["edges", "batch_size"]
    assert "```pycon" in gate.docstring.value


def test_links_are_found_as_paths_of_the_repository() -> None:
    text = "[a](b.md#c) ![d](../e.png) [f](https://g) [h](#i) [j](<k.md>)\n\n[l]: ../m/n.rs\n"
    found = ["docs/b.md", "e.png", "docs/k.md", "m/n.rs"]
    assert list(repository.targets("docs/a.md", text)) == found


def test_files_elsewhere_are_pages_that_links_find(config: MkDocsConfig) -> None:
    page = File("index.md", str(ROOT / "docs"), config.site_dir, use_directory_urls=False)
    shown = repository.add(Files([page]), config, ROOT).src_uris
    assert shown["docs/index.md"].dest_uri == "index.html"
    assert shown["README.md"].dest_uri == "repository/README.html"
    example = shown["examples/embed_server.py"]
    assert example.is_documentation_page()
    assert "```python\n" in example.content_string
    assert "](examples/embed_server.py)" in shown["examples"].content_string
    assert "target" not in shown


def test_a_fence_is_longer_than_those_inside() -> None:
    assert "\n`````text\n````\n`````\n" in repository.code("a.txt", "````\n")


def test_a_star_in_the_navigation_stands_for_pages_in_order() -> None:
    nav = [{"A": ["d/*", "e.md"]}, {"B": "f.md"}]
    paths = ["d/0001-x.md", "d/0002-y.md", "d/index.md", "d/z.svg", "e.md"]
    expected = [{"A": ["d/index.md", "d/0001-x.md", "d/0002-y.md", "e.md"]}, {"B": "f.md"}]
    assert navigation.expanded(nav, paths) == expected
    # mkdocs warns of it.
    assert navigation.expanded(["d/*"], []) == ["d/*"]


def test_the_page_of_commands_has_them_all() -> None:
    from multibin.cli._commands import COMMANDS

    text = (ROOT / commands.PAGE).read_text()
    assert set(commands.MARK.findall(text)) == {"", *COMMANDS}
    assert {f"## multibin {name}\n" for name in COMMANDS} <= set(re.findall("## .*\n", text))


def test_the_help_of_a_command_is_filled_in() -> None:
    filled = commands.filled(commands.PAGE, "a\n\n<!-- help: reproduce -->\n\nb\n")
    assert filled.startswith("a\n\n```text\nusage: multibin reproduce")
    assert filled.endswith("```\n\nb\n")
    assert commands.filled("docs/a.md", "<!-- help: plan -->") == "<!-- help: plan -->"


def test_the_page_of_the_crate_links_to_its_reference_if_there_is_one() -> None:
    index = File(f"{rustdoc.BUILT}/{rustdoc.INDEX}", None, "site", use_directory_urls=False)
    assert rustdoc.linked(rustdoc.PAGE, "a\n", Files([])) == "a\n"
    linked = rustdoc.linked(rustdoc.PAGE, "a\n", Files([index]))
    assert "(../../target/doc/multibin/index.html)" in linked


@pytest.mark.parametrize(
    ("markdown", "html", "found"),
    [
        ("- a\n", "<ul>\n<li>a</li>\n</ul>", 0),
        ("a\n- b\n", "<p>a\n- b</p>", 2),
        ("---\ntitle: a\n---\n\n# b\n", '<h1 id="b">b</h1>', 0),
        ("![a](b.png)\n", '<p><img alt="a" src="b.png" /></p>', 0),
    ],
)
def test_a_page_looks_like_its_plain_file(markdown: str, html: str, found: int) -> None:
    assert len(plain.differences(markdown, html)) == found


@pytest.mark.parametrize(
    ("link", "fault"),
    [
        ('<a href="b/c.html#d">', ""),
        ('<a href="#e">', ""),
        ("<a href=b/c.html>", ""),
        ('<a class="x" href="https://example.org">', ""),
        ('<img alt="x" src="data:image/png;base64,">', ""),
        ('<a href="b/c.html#f">', "b/c.html has no anchor #f"),
        ('<a href="b/g.html">', "there is no b/g.html"),
        ('<script src="https://example.org/x.js">', "https://example.org/x.js is loaded from"),
    ],
)
def test_a_fault_of_the_built_site_is_found(tmp_path: Path, link: str, fault: str) -> None:
    (tmp_path / "b").mkdir()
    (tmp_path / "b/c.html").write_text('<h2 id="d">')
    (tmp_path / "a.html").write_text(f'<h1 id="e">{link}')
    (tmp_path / "z.html").write_text(link)
    found = [line for line in built.faults(tmp_path, "skipped") if not line.startswith("z.html")]
    assert [line.startswith(f"a.html: {fault}") for line in found] == ([True] if fault else [])


def test_pages_that_others_wrote_are_not_read(tmp_path: Path) -> None:
    (tmp_path / "crate").mkdir()
    (tmp_path / "crate/a.html").write_text('<a href="missing.html">')
    assert list(built.faults(tmp_path, "crate")) == []
