"""Files that a platform or a registry reads: citation, forms of issues, metadata of packages."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest

yaml = pytest.importorskip("yaml", reason="reads the files")

ROOT = Path(__file__).parents[2]
FORMS = sorted((ROOT / ".github/ISSUE_TEMPLATE").glob("*_*.yml"))


def toml(path: str) -> dict[str, Any]:
    return tomllib.loads((ROOT / path).read_text())


def test_the_citation_has_what_the_format_requires() -> None:
    """The required keys of the schema of CFF 1.2.0, and the types of its values."""
    found = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    assert found["cff-version"] == "1.2.0"
    assert {"authors", "cff-version", "message", "title"} <= found.keys()
    assert found["type"] == "software"
    for entry in (found, *found["references"]):
        assert entry["authors"]
        for author in entry["authors"]:
            assert author.keys() in ({"name"}, {"given-names", "family-names"})
        assert isinstance(entry["title"], str)
    for reference in found["references"]:
        assert {"type", "title", "authors"} <= reference.keys()
        assert reference["url"].startswith("https://arxiv.org/abs/")


def test_the_citation_says_what_the_packages_say() -> None:
    found = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    cargo, project = toml("Cargo.toml")["workspace"]["package"], toml("pyproject.toml")["project"]
    assert "version" not in found  # There is no release to cite.
    assert found["license"] == cargo["license"] == project["license"]
    assert found["abstract"] == project["description"]
    names = [author["name"] for author in found["authors"]]
    assert names == cargo["authors"] == [author["name"] for author in project["authors"]]


def test_crates_io_takes_the_crate() -> None:
    """At most five keywords and categories, and a page that is there."""
    package = toml("rust/multibin/Cargo.toml")["package"]
    assert 0 < len(package["keywords"]) <= 5
    assert all(len(word) <= 20 and word.isascii() for word in package["keywords"])
    assert 0 < len(package["categories"]) <= 5
    assert (ROOT / "rust/multibin" / package["readme"]).resolve() == ROOT / "README.md"


@pytest.mark.parametrize("path", FORMS, ids=lambda path: str(path.name))
def test_a_form_has_what_the_platform_requires(path: Path) -> None:
    form = yaml.safe_load(path.read_text())
    assert {"name", "description", "body"} <= form.keys()
    fields = [field for field in form["body"] if field["type"] != "markdown"]
    assert len({field["id"] for field in fields}) == len(fields) > 0
    for field in fields:
        assert field["type"] in {"textarea", "input", "dropdown", "checkboxes"}
        assert field["attributes"]["label"]


def test_there_are_forms() -> None:
    assert [path.stem for path in FORMS] == ["bug_report", "feature_request"]


def test_the_documents_of_the_front_door_are_there() -> None:
    for name in ("README.md", "CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md", "LICENSE"):
        assert (ROOT / name).is_file()
    assert "\n## [Unreleased]\n" in (ROOT / "CHANGELOG.md").read_text()
