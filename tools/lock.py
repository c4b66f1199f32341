"""Resolves what pyproject.toml declares into pinned, hashed requirements.

    python -m tools.lock               requirements/locked.txt and requirements/oldest.txt
    python -m tools.lock newest FILE   the newest released versions, into FILE

The pins serve every supported Python; markers say which Python a pin is for. Registries, mirrors
and certificates come from uv's own settings, and no file has them.
"""

from __future__ import annotations

import hashlib
import json
import re
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path
from typing import Any

from tools.environment import NEWEST, OLDEST

ROOT = Path(__file__).parents[1]
PYTHONS = [f"3.{minor}" for minor in range(OLDEST[1], NEWEST[1] + 1)]
PIN = r"^\S+=="
TESTED = ["llm", "plot", "dev"]
# The site is built with the locked versions alone, and tests of other versions meet no part of it.
EXTRAS = {"locked": [*TESTED, "docs"], "oldest": TESTED, "newest": TESTED}
LOCKS = {"locked": "highest", "oldest": "lowest-direct"}
HEADER = """\
# The {which} versions of what pyproject.toml declares, extras: {extras}; and
# of what that needs, for Python {low} to {high}. `make lock` writes this file; do not edit it.
# declared: {digest}
"""


def project() -> dict[str, Any]:
    read: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    return read


def declared(which: str) -> list[str]:
    """Returns the requirements of the package and of the extras that a lock has."""
    extras = project()["optional-dependencies"]
    return [*project()["dependencies"], *(one for extra in EXTRAS[which] for one in extras[extra])]


def digest(which: str) -> str:
    """Returns a hash of the declared requirements, by which an outdated lock is found."""
    declaration = [project()["requires-python"], sorted(declared(which))]
    return hashlib.sha256(json.dumps(declaration).encode()).hexdigest()


def uv(*arguments: object) -> None:
    command = [sys.executable, "-m", "uv", *map(str, arguments), "--quiet"]
    subprocess.run(command, check=True, cwd=ROOT)


def resolve(which: str, file: Path) -> None:
    """Writes pins for every platform and every supported Python."""
    resolution = LOCKS.get(which, "highest")
    silent = ["--no-header", "--no-emit-index-url", "--no-emit-find-links"]
    extras = [f"--extra={extra}" for extra in EXTRAS[which]]
    uv(
        *("pip", "compile", "--universal", f"--python-version={PYTHONS[0]}", "--generate-hashes"),
        *("--upgrade", f"--resolution={resolution}", *silent, *extras),
        *("pyproject.toml", f"--output-file={file}"),
    )


def check_wheels(file: Path) -> None:
    """Checks that each supported Python finds a wheel of every pin, on Linux x86-64."""
    linux = ["--only-binary=:all:", "--python-platform=x86_64-manylinux_2_28"]
    with tempfile.TemporaryDirectory() as empty:
        for python in PYTHONS:
            into = [f"--target={empty}", f"--python-version={python}"]
            uv("pip", "install", "--dry-run", "--require-hashes", *into, *linux, "-r", file)


def write(which: str) -> None:
    file = ROOT / f"requirements/{which}.txt"
    with tempfile.TemporaryDirectory() as folder:
        draft = Path(folder) / file.name
        resolve(which, draft)
        check_wheels(draft)
        pins = draft.read_text()
    pythons = {"low": PYTHONS[0], "high": PYTHONS[-1]}
    extras = ", ".join(EXTRAS[which])
    header = HEADER.format(which=which, extras=extras, digest=digest(which), **pythons)
    file.write_text(header + pins)
    count = len(re.findall(PIN, pins, re.MULTILINE))
    print(f"{file.relative_to(ROOT)}: {count} pins, wheels for Python {PYTHONS}")


def main(arguments: list[str]) -> None:
    if arguments[:1] == ["newest"]:
        resolve("newest", Path(arguments[1]).absolute())
    else:
        for which in LOCKS:
            write(which)


if __name__ == "__main__":
    main(sys.argv[1:])
