"""python -m tools.fuzz [--seconds S] [--target NAME …] [--seed N] [--replay NAME FILE]"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
import traceback
import warnings
from hashlib import sha256
from pathlib import Path

from tools.fuzz.hunt import Failure, Hunt, attempt, smaller
from tools.fuzz.targets import TARGETS

FOLDER = Path("target/fuzz")


def main() -> int:
    options = _options()
    warnings.simplefilter("error")
    with tempfile.TemporaryDirectory() as folder:
        tempfile.tempdir = folder
        if options.replay:
            return _replay(*options.replay)
        names = options.target or list(TARGETS)
        share = options.seconds / len(names)
        failed = [name for name in names if _hunt(name, share, options.seed)]
    return bool(failed)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser("python -m tools.fuzz", description=__doc__)
    parser.add_argument("--seconds", type=float, default=60, help="for all targets together (60)")
    parser.add_argument("--target", action="append", choices=TARGETS, help="only these")
    parser.add_argument("--seed", type=int, default=0, help="another one tries other files")
    parser.add_argument("--replay", nargs=2, metavar=("TARGET", "FILE"), help="tries one file")
    return parser.parse_args()


def _hunt(name: str, seconds: float, seed: int) -> bool:
    target = TARGETS[name]
    hunt = Hunt(target, random.Random(f"{name} {seed}"))
    failure = hunt.run(seconds)
    print(
        f"{name:13} {hunt.tried:7,} files, {len(hunt.known):4} kept, {len(hunt.steps):5} steps",
        flush=True,
    )
    if failure:
        _report(name, smaller(target, failure))
    return failure is not None


def _report(name: str, failure: Failure) -> None:
    FOLDER.mkdir(parents=True, exist_ok=True)
    path = FOLDER / f"{name}-{sha256(failure.data).hexdigest()[:12]}"
    path.write_bytes(failure.data)
    traceback.print_exception(failure.error)
    print(f"{name} must not raise this for {failure.data[:400]!r}")
    print(f"again: python -m tools.fuzz --replay {name} {path}")


def _replay(name: str, file: str) -> int:
    failure = attempt(TARGETS[name], Path(file).read_bytes())
    if failure:
        _report(name, failure)
    return failure is not None


if __name__ == "__main__":
    sys.exit(main())
