"""Compares the packages of Cargo.lock with deny.toml and with the oldest Rust that we support.

    python -m tools.deny

deny.toml is the file of cargo-deny, of which this reads a part: the allowed licences, duplicate
versions and their exceptions, and sources. It needs no network. Advisories do: `make deny` runs
cargo-deny itself. Cargo checks no `rust-version` when it builds with a newer Rust. Here each
package must state ours or an older one.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tomllib
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

__all__ = ["Package", "is_allowed", "packages", "problems"]

ROOT = Path(__file__).parents[1]
CRATES_IO = "registry+https://github.com/rust-lang/crates.io-index"

TOKEN = re.compile(r"[()/]|[^\s()/]+")


@dataclass(frozen=True)
class Package:
    """A package of the lock; one of ours has no source."""

    name: str
    version: str
    license: str | None
    source: str | None
    rust_version: str | None

    def __str__(self) -> str:
        return f"{self.name} {self.version}"


def packages() -> list[Package]:
    """Returns the packages of all platforms and features, as cargo resolves them."""
    command = ["cargo", "metadata", "--locked", "--all-features", "--format-version", "1"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(done.stderr)
    names = Package.__dataclass_fields__
    found = json.loads(done.stdout)["packages"]
    return [Package(**{name: package[name] for name in names}) for package in found]


def problems(found: list[Package], rules: dict[str, Any], rust: str) -> Iterator[str]:
    """Yields a line for each package that breaks a rule, and for each rule without use."""
    yield from _licences(found, set(rules["licenses"]["allow"]))
    yield from _duplicates(found, [entry["crate"] for entry in rules["bans"]["skip"]])
    yield from _sources(found)
    for package in found:
        if _release(package.rust_version or "0") > _release(rust):
            yield f"{package} needs Rust {package.rust_version}, later than our {rust}"


def is_allowed(expression: str, allowed: set[str]) -> bool:
    """Returns whether an SPDX expression can be met by the allowed terms.

    A slash is the "or" of older manifests.

    >>> is_allowed("(MIT OR GPL-3.0-only) AND Unicode-3.0", {"MIT", "Unicode-3.0"})
    True
    >>> is_allowed("MIT AND GPL-3.0-only", {"MIT"})
    False
    """
    return _Expression(expression, allowed).value()


class _Expression:
    """Evaluates from the left: OR binds least, WITH most."""

    def __init__(self, text: str, allowed: set[str]) -> None:
        self._tokens = [*TOKEN.findall(text), ""]
        self._allowed = allowed

    def value(self) -> bool:
        result = self._either()
        if self._tokens != [""]:
            raise ValueError(f"the licence must be an SPDX expression, stopped at {self._tokens}")
        return result

    def _either(self) -> bool:
        result = self._both()
        while self._take("OR", "/"):
            result = self._both() or result
        return result

    def _both(self) -> bool:
        result = self._one()
        while self._take("AND"):
            result = self._one() and result
        return result

    def _one(self) -> bool:
        if self._take("("):
            result = self._either()
            if not self._take(")"):
                raise ValueError("the licence must be an SPDX expression, lacks )")
            return result
        term = self._tokens.pop(0)
        if self._take("WITH"):
            term += f" WITH {self._tokens.pop(0)}"
        return term in self._allowed

    def _take(self, *words: str) -> bool:
        return self._tokens[0] in words and bool(self._tokens.pop(0))


def _licences(found: list[Package], allowed: set[str]) -> Iterator[str]:
    for package in found:
        if package.license is None:
            yield f"{package} states no licence"
        elif not is_allowed(package.license, allowed):
            yield f"{package} has the licence {package.license}, which is not allowed"
    licences = [package.license for package in found if package.license]
    for term in sorted(allowed):
        if all(is_allowed(licence, allowed - {term}) for licence in licences):
            yield f"the licence {term} is allowed, but no package needs it"


def _duplicates(found: list[Package], skipped: list[str]) -> Iterator[str]:
    versions = defaultdict(set)
    for package in found:
        versions[package.name].add(package.version)
    needed = set()
    for name, several in versions.items():
        skips = {entry for entry in skipped if entry.split("@")[0] == name}
        kept = {version for version in several if not any(_is(version, e) for e in skips)}
        if len(several) > 1:
            needed |= skips
        if len(kept) > 1:
            yield f"{name} has several versions: {', '.join(sorted(kept))}"
    for entry in sorted(set(skipped) - needed):
        yield f"{entry} is skipped, but has one version"


def _is(version: str, entry: str) -> bool:
    """Returns whether a version begins as the entry `name@begin` says."""
    return f"{version}.".startswith(entry.split("@")[1] + ".")


def _sources(found: list[Package]) -> Iterator[str]:
    for package in found:
        if package.source not in (None, CRATES_IO):
            yield f"{package} comes from {package.source}, not from crates.io"


def _release(version: str) -> tuple[int, ...]:
    parts = [int(part) for part in version.split(".")]
    return tuple(parts + [0] * (3 - len(parts)))


def main() -> int:
    rules = tomllib.loads((ROOT / "deny.toml").read_text())
    workspace = tomllib.loads((ROOT / "Cargo.toml").read_text())["workspace"]
    found = packages()
    lines = list(problems(found, rules, workspace["package"]["rust-version"]))
    print("\n".join(lines) or f"{len(found)} packages: licences, versions and sources as allowed")
    return bool(lines)


if __name__ == "__main__":
    sys.exit(main())
