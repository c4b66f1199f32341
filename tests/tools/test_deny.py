"""The rules for packages: licences as SPDX writes them, duplicates, sources, the oldest Rust."""

from __future__ import annotations

from typing import Any

import pytest

from tools.deny import CRATES_IO, Package, is_allowed, problems

ALLOWED = {"MIT", "Apache-2.0", "Apache-2.0 WITH LLVM-exception", "Unicode-3.0"}


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("MIT", True),
        ("MIT/Apache-2.0", True),
        ("GPL-3.0-only OR MIT", True),
        ("GPL-3.0-only AND MIT", False),
        ("GPL-3.0-only OR MIT AND Unicode-3.0", True),
        ("(GPL-3.0-only OR MIT) AND Unicode-3.0", True),
        ("MIT OR GPL-3.0-only AND Zlib", True),
        ("(MIT OR GPL-3.0-only) AND Zlib", False),
        ("Apache-2.0 WITH LLVM-exception", True),
        ("MIT WITH LLVM-exception", False),
    ],
)
def test_expressions(expression: str, expected: bool) -> None:
    assert is_allowed(expression, ALLOWED) is expected


@pytest.mark.parametrize("expression", ["(MIT", "MIT)", "MIT MIT"])
def test_what_is_no_expression_is_refused(expression: str) -> None:
    with pytest.raises(ValueError, match="must be an SPDX expression"):
        is_allowed(expression, ALLOWED)


def package(name: str = "a", version: str = "1.0.0", **other: Any) -> Package:
    facts = {"license": "MIT", "source": CRATES_IO, "rust_version": None}
    return Package(name, version, **(facts | other))


def found(*packages: Package, allowed: tuple[str, ...] = ("MIT",), skip: str = "") -> list[str]:
    rules = {"licenses": {"allow": allowed}, "bans": {"skip": [{"crate": skip}] if skip else []}}
    return list(problems(list(packages), rules, "1.88"))


def test_packages_as_they_should_be() -> None:
    assert found(package(), package("b", rust_version="1.88"), package("c", source=None)) == []


@pytest.mark.parametrize(
    ("wrong", "line"),
    [
        (package(license="GPL-3.0-only"), "a 1.0.0 has the licence GPL-3.0-only"),
        (package(license=None), "a 1.0.0 states no licence"),
        (package(source="git+ssh://b"), "a 1.0.0 comes from git+ssh://b, not from crates.io"),
        (package(rust_version="1.88.1"), "a 1.0.0 needs Rust 1.88.1, later than our 1.88"),
        (package("b", "2.0.0"), "b has several versions: 1.0.0, 2.0.0"),
    ],
)
def test_a_package_that_breaks_a_rule_is_named(wrong: Package, line: str) -> None:
    [only] = found(package("b"), wrong)
    assert only.startswith(line)


def test_a_duplicate_may_be_skipped_by_its_version() -> None:
    three = [package("b", version) for version in ("1.0.0", "2.0.0", "20.0.0")]
    assert found(*three[:2], skip="b@2") == []
    assert found(*three, skip="b@2") == ["b has several versions: 1.0.0, 20.0.0"]


def test_a_rule_that_no_package_needs_is_named() -> None:
    assert found(package(), allowed=("MIT", "Zlib")) == [
        "the licence Zlib is allowed, but no package needs it"
    ]
    assert found(package(), skip="a@1") == ["a@1 is skipped, but has one version"]
