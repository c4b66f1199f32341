"""The committed pins: complete, hashed, for every supported Python, and those of pyproject.toml."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.version import Version

from tools import lock, newest

ROOT = Path(__file__).parents[2]
PIN = r"[a-z0-9.-]+==[A-Za-z0-9.+!]+( ; [^/#@\\]+)?"
LINE = re.compile(rf"#.*|{PIN} \\|    --hash=sha256:[0-9a-f]{{64}}( \\)?|    #( via)?( .*)?")


def text(which: str) -> str:
    return (ROOT / f"requirements/{which}.txt").read_text()


def pins(which: str, python: str) -> dict[str, Version]:
    """Returns the pins for one Python on Linux: at most one version a name."""
    place = {
        "python_version": python,
        "python_full_version": f"{python}.1",
        "sys_platform": "linux",
    }
    lines = [line.removesuffix(" \\") for line in text(which).splitlines() if "==" in line[:60]]
    requirements = [Requirement(line) for line in lines if not line.startswith((" ", "#"))]
    here = [one for one in requirements if not one.marker or one.marker.evaluate(place)]
    assert len(here) == len({one.name for one in here})
    return {one.name: Version(str(one.specifier).removeprefix("==")) for one in here}


def declared(which: str, python: str) -> list[Requirement]:
    place = {"python_version": python, "sys_platform": "linux"}
    requirements = [Requirement(line) for line in lock.declared(which)]
    return [one for one in requirements if not one.marker or one.marker.evaluate(place)]


@pytest.mark.parametrize("which", lock.LOCKS)
def test_a_line_is_a_pin_a_hash_or_a_comment(which: str) -> None:
    lines = text(which).splitlines()
    assert [line for line in lines if not LINE.fullmatch(line)] == []
    # No line names the source of a package, not even a comment.
    assert not re.search(r"https?:|://|--index|--extra-index|--find-links|@ |\n-", text(which))


@pytest.mark.parametrize("which", lock.LOCKS)
def test_every_pin_has_a_hash(which: str) -> None:
    code = re.sub(r" *#.*\n", "", text(which)).replace("\\\n", "")
    lines = [line for line in code.splitlines() if line.strip()]
    assert len(lines) > 80
    assert all("==" in line and "--hash=sha256:" in line for line in lines)


def test_the_model_of_the_demo_is_pinned_and_hashed() -> None:
    lines = [line for line in text("model").splitlines() if not line.startswith("#")]
    assert [LINE.fullmatch(line) is not None for line in lines] == [True, True]
    # Its own dependencies would build llama.cpp.
    assert not set(pins("locked", lock.PYTHONS[0])) & {"llm", "llama-cpp-python"}


@pytest.mark.parametrize("which", lock.LOCKS)
def test_it_locks_the_present_declaration(which: str) -> None:
    # Else pyproject.toml has changed: run `make lock`.
    assert f"\n# declared: {lock.digest(which)}\n" in text(which)


@pytest.mark.parametrize("python", lock.PYTHONS)
@pytest.mark.parametrize("which", lock.LOCKS)
def test_every_python_gets_all_that_is_declared(which: str, python: str) -> None:
    pinned = pins(which, python)
    for requirement in declared(which, python):
        assert pinned[requirement.name] in requirement.specifier, requirement


@pytest.mark.parametrize("python", lock.PYTHONS)
def test_the_oldest_are_the_declared_bounds(python: str) -> None:
    pinned = pins("oldest", python)
    for requirement in declared("oldest", python):
        [bound] = [one.version for one in requirement.specifier if one.operator == ">="]
        oldest = pinned[requirement.name]
        assert oldest.release[: len(Version(bound).release)] == Version(bound).release, requirement


def test_the_tools_of_the_site_are_in_the_lock_alone() -> None:
    declared = lock.project()["optional-dependencies"]["docs"]
    assert {Requirement(line).name for line in declared} >= newest.SITE
    assert set(pins("locked", lock.PYTHONS[0])) >= newest.SITE
    assert not newest.SITE & set(pins("oldest", lock.PYTHONS[0]))


def test_the_classifiers_name_the_supported_pythons() -> None:
    named = [line.split()[-1] for line in lock.project()["classifiers"] if "Python :: 3." in line]
    assert named == lock.PYTHONS
    assert lock.project()["requires-python"] == f">={lock.PYTHONS[0]}"


def test_the_readme_names_the_tested_versions() -> None:
    readme = " ".join((ROOT / "README.md").read_text().split())
    for name in ("torch", "transformers", "triton", "numpy"):
        low, high = (pins(which, lock.PYTHONS[0])[name] for which in ("oldest", "locked"))
        assert f"{name} {low.major}.{low.minor} to {high.major}.{high.minor}" in readme
