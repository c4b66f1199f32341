"""Writes the diagrams: ``python -m tools.diagrams [FOLDER]``."""

from __future__ import annotations

import sys
from pathlib import Path

from tools.diagrams.gallery import FOLDER, PICTURES


def main(arguments: list[str]) -> int:
    """Writes every diagram into a folder, ``docs/pictures`` by default."""
    folder = Path(arguments[0]) if arguments else FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    for name, draw in PICTURES.items():
        (folder / f"{name}.svg").write_text(draw().render(), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
