"""Builds what a release would have, into target/wheels: a wheel for each platform, and the sources.

    python -m tools.wheels

Zig links, so that the wheels run with glibc 2.17 and later, on this processor and on others. A
platform whose standard library rustup cannot get is skipped, with a line that says why. Each wheel
is checked by abi3audit, twine and .ci/wheel.py. One more is built from the packed sources.
"""

from __future__ import annotations

import os
import subprocess
import sys
import venv
from pathlib import Path

__all__ = ["main"]

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / "target/wheels"
TOOLS = FOLDER / "env"
PINS = ROOT / "requirements/wheels.txt"
TARGETS = ("x86_64-unknown-linux-gnu", "aarch64-unknown-linux-gnu")
GLIBC = "manylinux_2_17"


def run(*command: object, **environment: str) -> None:
    words = [str(word) for word in command]
    path = os.pathsep.join([str(TOOLS / "bin"), os.environ["PATH"]])
    print("$", *words, flush=True)
    subprocess.run(words, check=True, cwd=ROOT, env=os.environ | {"PATH": path} | environment)


def install() -> None:
    """Makes the environment of the tools, unless it is there with these pins."""
    stamp, pins = TOOLS / "pins.txt", PINS.read_text()
    if stamp.exists() and stamp.read_text() == pins:
        return
    venv.create(TOOLS, clear=True, with_pip=True)
    run(TOOLS / "bin/python", "-m", "pip", "install", "--quiet", "-r", PINS)
    stamp.write_text(pins)


def missing(target: str) -> str:
    """Returns why a platform cannot be built for, "" if it can."""
    command = ["rustup", "target", "add", target]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        return "there is no rustup, which installs its standard library"
    return done.stderr.strip() if done.returncode else ""


def build(target: str) -> None:
    """Builds and checks the wheel of a platform."""
    out = FOLDER / target
    options = ["--release", "--locked", "--zig", "--target", target, "--compatibility", GLIBC]
    places = ["--target-dir", FOLDER / "build", "--out", out]
    run("maturin", "build", *options, *places)
    check(out)


def check(folder: Path) -> None:
    """Checks the only wheel of a folder."""
    [wheel] = folder.glob("*.whl")
    run("abi3audit", "--strict", wheel)
    run("twine", "check", "--strict", wheel)
    run(sys.executable, ".ci/wheel.py", folder)


def sources() -> None:
    """Packs the sources, and builds and checks a wheel of this machine from the archive."""
    out, built = FOLDER / "sources", FOLDER / "from-sources"
    run("maturin", "sdist", "--out", out)
    [archive] = out.glob("*.tar.gz")
    run("twine", "check", "--strict", archive)
    pip = [TOOLS / "bin/python", "-m", "pip", "wheel", "--quiet", "--no-deps"]
    run(*pip, "--wheel-dir", built, archive, CARGO_TARGET_DIR=str(FOLDER / "build"))
    check(built)


def main() -> int:
    install()
    for folder in (*TARGETS, "sources", "from-sources"):
        for file in (FOLDER / folder).glob("*"):
            file.unlink()
    skipped = []
    for target in TARGETS:
        if why := missing(target):
            skipped.append(f"skipped {target}: {why}")
        else:
            build(target)
    sources()
    for file in sorted(FOLDER.glob("*/*.whl")) + sorted(FOLDER.glob("*/*.tar.gz")):
        print(f"{file.stat().st_size / 1e6:6.2f} MB  {file.relative_to(ROOT)}")
    print(*skipped, sep="\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
