"""Prints what breaks the rules of the house; status 1 if anything does."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path

from tools.layout.house import House, Part, measure
from tools.source import tracked

ROOT = Path(__file__).parents[2]


def main() -> int:
    """Checks the repository and returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m tools.layout", description=__doc__)
    parser.add_argument("--report", action="store_true", help="print all numbers; status 0")
    options = parser.parse_args()
    house = measure(ROOT, tracked(ROOT))
    if options.report:
        print("\n".join(report(house)))
        return 0
    faults = [*house.faults()]
    print("\n".join(faults), end="\n" if faults else "")
    return 1 if faults else 0


def report(house: House) -> Iterator[str]:
    """Yields the numbers as a Markdown table, then the circles and the long files."""
    yield "| | " + " | ".join(part.language for part in house.parts) + " |"
    yield "|---|" + "---:|" * len(house.parts)
    columns = [_numbers(part) for part in house.parts]
    for title in columns[0]:
        yield f"| {title} | " + " | ".join(column[title] for column in columns) + " |"
    yield f"\nFiles of more than {house.limits['file_lines']} lines: {len(house.long_files)}"
    yield from (f"- {one.what}: {one.lines}" for one in house.long_files)
    for part in house.parts:
        yield from _circles(part)


def _numbers(part: Part) -> dict[str, str]:
    files, folders = part.tree.file_circles(), part.tree.folder_circles()
    lengths = part.functions
    return {
        "files": str(len(part.tree.files)),
        "uses between files": str(sum(map(len, part.tree.edges.values()))),
        "circles of files": _circle_count(files),
        "circles of files of different folders": _circle_count(part.tree.crossing()),
        "circles of folders": _circle_count(folders),
        "floor violations": str(len(part.violations)),
        "functions outside tests": str(lengths.count if lengths else 0),
        "their lines: median": str(lengths.median if lengths else 0),
        "90th percentile": str(lengths.ninth_decile if lengths else 0),
        "longest": f"{lengths.longest.lines} ({lengths.longest.what})" if lengths else "",
    }


def _circle_count(found: list[list[str]]) -> str:
    return f"{len(found)} ({sum(map(len, found))} members)" if found else "0"


def _circles(part: Part) -> Iterator[str]:
    for title, found in (
        ("Circles of files", part.tree.file_circles()),
        ("Circles of folders", part.tree.folder_circles()),
    ):
        if found:
            yield f"\n{title}, {part.language}:"
            yield from (f"- {' ⇄ '.join(circle)}" for circle in found)


if __name__ == "__main__":
    sys.exit(main())
