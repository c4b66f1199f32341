"""Lists the blocks of all pages, or of those that are named, and what happens to each."""

from __future__ import annotations

import re
import sys
from collections import Counter
from pathlib import Path

from tests.docs.pages import Page, PageError, pages, shown


def main(names: list[str]) -> int:
    """Prints a line for each block, then the number of blocks by fate."""
    fates: Counter[str] = Counter()
    status = 0
    for path in [Path(name).resolve() for name in names] or pages():
        try:
            blocks = Page.read(path).blocks
        except PageError as error:
            print(error)
            status = 1
            continue
        for block in blocks:
            print(f"{shown(path)}:{block.line}: {block.language}: {block.fate}")
            fates[re.split(r":| to ", block.fate)[0]] += 1
    print(", ".join(f"{count} {fate}" for fate, count in fates.most_common()))
    return status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
