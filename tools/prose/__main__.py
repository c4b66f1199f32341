"""Prints what breaks the rules of prose, a line a finding; status 1 if anything does."""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from tools.prose import rules
from tools.prose.rules import Finding
from tools.prose.vocabulary import Vocabulary
from tools.source import matches, tracked

WORST = 15


def main() -> int:
    """Checks the files that the command line names and returns the exit status."""
    options = _options()
    vocabulary = Vocabulary.load()
    found = [
        finding
        for path in _files(options.paths, vocabulary)
        for finding in rules.check(path, path.read_text(encoding="utf-8"), vocabulary)
    ]
    if options.count:
        print("\n".join(table(found)))
        return 0
    print("\n".join(map(str, found)), end="\n" if found else "")
    return 1 if found else 0


def table(found: list[Finding]) -> list[str]:
    """Returns the counts by rule, then those of the files with most findings."""
    by_rule = Counter(finding.rule for finding in found)
    by_file = Counter(finding.path for finding in found)
    counted = _rows("rule", [*sorted(by_rule.items()), ("all", len(found))])
    return [*counted, "", *_rows("worst files", by_file.most_common(WORST))]


def _rows(title: str, counts: Iterable[tuple[str, int]]) -> list[str]:
    return [f"| {title} | findings |", "|---|---:|", *(f"| {key} | {n} |" for key, n in counts)]


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tools.prose", description=__doc__)
    parser.add_argument("paths", nargs="*", type=Path, help="files and folders; default: all")
    parser.add_argument("--count", action="store_true", help="print counts; status 0")
    return parser.parse_args()


def _files(paths: list[Path], vocabulary: Vocabulary) -> list[Path]:
    """Returns the files that have prose, relative to here where they lie below."""
    named = [path for path in paths if path.is_file()]
    folders = [path for path in paths if path.is_dir()]
    if not paths:
        listed = tracked(Path())
    else:
        listed = [below for path in folders for below in sorted(path.rglob("*"))]
    kept = [path for path in listed if path.is_file() and not matches(path, vocabulary.skip)]
    return [path for path in [*named, *kept] if rules.reader(path)]


if __name__ == "__main__":
    sys.exit(main())
