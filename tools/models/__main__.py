"""`python -m tools.models`: tries every causal model class and writes the page, or checks it."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from datetime import date
from importlib.metadata import version
from pathlib import Path

from tools.models.page import render
from tools.models.pool import try_all
from tools.models.records import FAULTS, Record, Run, differences, read, read_all, write

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "docs" / "reference" / "models"
PAGE = ROOT / "docs" / "reference" / "models.md"

SAMPLE = (
    "bart",
    "bloom",
    "deepseek_v3",
    "gemma2",
    "gpt2",
    "llama",
    "llama, longrope",
    "llava",
    "mamba",
    "mixtral",
)
"""The sample of `--check`: exact and refused types, with and without rotary positions, experts."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command.

    Returns:
        1 if a row is wrong or an error, or differs from the committed one.
    """
    options = _parser().parse_args(arguments)
    if options.page:
        PAGE.write_text(render(read_all(FOLDER)))
        return 0
    if options.check:
        return check(options.types or SAMPLE)
    if options.all:
        from tools.models.candidates import candidates

        return check(candidates())
    return show(options.types) if options.types else regenerate()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tools.models", description=__doc__)
    parser.add_argument("types", nargs="*", help="model types or variants, to try only these")
    modes = parser.add_mutually_exclusive_group()
    modes.add_argument("--check", action="store_true", help="compare a sample, or the given types")
    modes.add_argument("--all", action="store_true", help="compare all types")
    modes.add_argument("--page", action="store_true", help="write the page from the records alone")
    return parser


def regenerate() -> int:
    """Tries every type, writes the records of this version and the page; returns the status."""
    from tools.models.candidates import candidates

    found = _tried(candidates())
    versions = version("transformers"), version("torch").partition("+")[0]
    write(Run(*versions, date.today().isoformat(), tuple(found)), records_file())
    PAGE.write_text(render(read_all(FOLDER)))
    return _faults(found)


def show(types: Sequence[str]) -> int:
    """Tries `types`, writes nothing, and returns the status."""
    return _faults(_tried(types))


def check(types: Sequence[str]) -> int:
    """Compares `types` with the committed records of this version, and returns the status."""
    path = records_file()
    if not path.exists():
        absent = f"no records of transformers {version('transformers')}"
        print(f"docs/reference/models.md has {absent}: skipped")
        return 0
    changed = differences(read(path).records, try_all(types))
    for before, after in changed:
        print(f"{before.model_type}: the page says {_describe(before)}, and now {_describe(after)}")
    print(f"{len(types)} tried, {len(changed)} differ from the page")
    return int(bool(changed))


def records_file() -> Path:
    """Returns the file of the records of the installed version."""
    return FOLDER / f"{version('transformers')}.tsv"


def _tried(types: Sequence[str]) -> list[Record]:
    found = []
    for record in try_all(types):
        print(f"{record.model_type}: {_describe(record)}", flush=True)
        found.append(record)
    return found


def _describe(record: Record) -> str:
    batch = f" [{record.batch}]" if record.batch else ""
    return f"{record.outcome}{f' ({record.reason})' if record.reason else ''}{batch}"


def _faults(found: Sequence[Record]) -> int:
    return int(any(record.outcome in FAULTS for record in found))


if __name__ == "__main__":
    sys.exit(main())
