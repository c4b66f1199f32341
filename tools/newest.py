"""Names the newest released versions that the locked ones lack.

    python -m tools.newest FILE [PYTHON]

FILE has the newest pins (`python -m tools.lock newest FILE`), PYTHON is the interpreter that they
are for. Where the tests would meet the versions of requirements/locked.txt once more, one line says
so and the status is 0. Otherwise each difference has a line, and the status is 1.
"""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from packaging.requirements import Requirement

ROOT = Path(__file__).parents[1]
DECLARED = "multibin (pyproject.toml)"
# No test imports these, nor what only they need, except tests of `tools`.
SITE = {"mkdocs", "mkdocs-material", "mkdocstrings-python"}
UNTESTED = {"maturin", "mypy", "pip", "ruff", "types-tqdm", "uv", *SITE}
SAME = "newest: the locked versions are the newest, and make test ran on them"


def entries(text: str) -> Iterator[tuple[Requirement, list[str]]]:
    """Yields the pins for this Python and platform, each with the packages that need it."""
    for entry in re.split(r"\n(?=\S)", text):
        pin, *rest = entry.splitlines() or [""]
        if "==" not in pin or pin.startswith("#"):
            continue
        requirement = Requirement(pin.removesuffix("\\"))
        comments = [line.strip().removeprefix("#").strip() for line in rest if "#" in line]
        if requirement.marker is None or requirement.marker.evaluate():
            yield requirement, [name.removeprefix("via").strip() for name in comments]


def tested(text: str) -> dict[str, str]:
    """Returns the version of every package that a test can meet."""
    pins = {pin.name: (str(pin.specifier), set(parents)) for pin, parents in entries(text)}
    met = {name for name, (_, parents) in pins.items() if DECLARED in parents} - UNTESTED
    while more := {name for name, (_, parents) in pins.items() if parents & met} - met - UNTESTED:
        met |= more
    return {name: pins[name][0].removeprefix("==") for name in sorted(met)}


def differences(locked: str, newest: str) -> list[str]:
    """Returns a line for each package whose newest version is not the locked one.

    Example:
        >>> pin = "numpy=={}\\n    # via multibin (pyproject.toml)\\n"
        >>> differences(pin.format("2.4.0"), pin.format("2.4.1"))
        ['numpy 2.4.1, locked 2.4.0']
    """
    old, new = tested(locked), tested(newest)
    names = sorted(name for name in old | new if old.get(name) != new.get(name))
    return [f"{name} {new.get(name, 'none')}, locked {old.get(name, 'none')}" for name in names]


def version(python: str) -> str:
    """Returns the version of an interpreter as ``cpython-311``, nothing where there is none."""
    command = [python, "-c", "import sys; print(sys.implementation.cache_tag)"]
    try:
        return subprocess.run(command, check=False, capture_output=True, text=True).stdout.strip()
    except OSError:
        return ""


def main(arguments: list[str]) -> int:
    file, python = Path(arguments[0]), arguments[1] if arguments[1:] else sys.executable
    lines = differences((ROOT / "requirements/locked.txt").read_text(), file.read_text())
    ours, theirs = sys.implementation.cache_tag, version(python)
    if ours != theirs:
        lines.append(f"{python} is {theirs or 'missing'}, `make test` runs on {ours}")
    print(*([f"newer: {line}" for line in lines] or [SAME]), sep="\n")
    return 1 if lines else 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
