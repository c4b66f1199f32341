"""Makes a virtual environment of pinned packages, or prints a line for each thing that is missing.

    python3 tools/environment.py FOLDER REQUIREMENTS [ALONE]

The packages of the file ALONE are installed without their dependencies. A complete environment of
these pins and this Python is left as it is. The file parses on Python 3.6, so that an old
interpreter can report that it is too old.
"""

import hashlib
import importlib.util
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
OLDEST, NEWEST = (3, 11), (3, 14)
GB = 10**9
# Disk for the locked versions on Linux: pip's downloads, the environment, what cargo builds.
DOWNLOAD, UNPACKED, BUILD = 3 * GB, 7 * GB, 1 * GB


def wrong_python(version: "tuple[int, ...]", name: str) -> str:
    if OLDEST <= version[:2] <= NEWEST:
        return ""
    minors = range(NEWEST[1], OLDEST[1] - 1, -1)
    names = [f"python3.{minor}" for minor in minors if shutil.which(f"python3.{minor}")]
    hint = f"set PYTHON={names[0]}" if names else "install one of these and set PYTHON"
    wanted = "{}.{} to {}.{}".format(*OLDEST, *NEWEST)
    found = ".".join(map(str, version[:3]))
    return f"multibin needs Python {wanted}; {name} is {found}: {hint}"


# Older Pythons end here, as they do not know the annotations below.
_wrong = wrong_python(sys.version_info[:3], os.path.basename(sys.executable))
if _wrong:
    print(_wrong, file=sys.stderr)
    raise SystemExit(2)


def no_ensurepip() -> str:
    if importlib.util.find_spec("ensurepip"):
        return ""
    package = "python{}.{}-venv".format(*sys.version_info[:2])
    return f"this Python makes no virtual environments: on Debian and Ubuntu install {package}"


def no_cargo() -> str:
    manifest = (ROOT / "Cargo.toml").read_text()
    [wanted] = re.findall(r'^rust-version = "(\d+)\.(\d+)', manifest, re.MULTILINE)
    try:
        said = subprocess.run(["cargo", "--version"], capture_output=True, text=True).stdout
    except OSError:
        said = ""
    found = re.match(r"cargo (\d+)\.(\d+)", said)
    if found and tuple(map(int, found.groups())) >= tuple(map(int, wanted)):
        return ""
    have = f"cargo is {found[1]}.{found[2]}" if found else "cargo is missing"
    return f"{have}: install Rust {'.'.join(wanted)} or newer, https://rustup.rs"


def no_linker() -> str:
    if shutil.which("cc"):
        return ""
    return "cc is missing, Rust links with it: install a C compiler (Debian and Ubuntu: gcc)"


def existing(folder: Path) -> Path:
    """Returns the nearest folder that exists, to measure its disk."""
    return next(place for place in (folder, *folder.parents) if place.exists())


def no_disk(folder: Path) -> str:
    """Sums the bytes for each disk: pip keeps a download in its cache and a copy in TMPDIR."""
    cache = os.environ.get("PIP_CACHE_DIR") or os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    wanted = {
        folder: UNPACKED + BUILD,
        Path(tempfile.gettempdir()): DOWNLOAD,
        Path(cache).expanduser(): DOWNLOAD,
    }
    disks: dict[int, tuple[Path, int]] = {}
    for place, size in wanted.items():
        place = existing(place.absolute())
        first, total = disks.get(place.stat().st_dev, (place, 0))
        disks[place.stat().st_dev] = first, total + size
    for place, size in disks.values():
        free = shutil.disk_usage(place).free
        if free < size:
            return f"{size / GB:.0f} GB are needed on the disk of {place}, {free / GB:.1f} are free"
    return ""


def digest(*files: Path) -> str:
    """Hashes the pins and the Python, without comments and times of change."""
    text = "\n".join(file.read_text() for file in files)
    lines = [line.split("#")[0].strip() for line in text.splitlines()]
    pins = "\n".join([*filter(None, lines), sys.implementation.cache_tag])
    return hashlib.sha256(pins.encode()).hexdigest()


def refuse(*troubles: str) -> None:
    lines = [trouble for trouble in troubles if trouble]
    if lines:
        print(*lines, sep="\n", file=sys.stderr)
        raise SystemExit(2)


def say(line: str) -> None:
    print(line, flush=True)


def call(*command: object) -> int:
    return subprocess.run(list(map(str, command)), check=False).returncode


def count(requirements: Path) -> int:
    return len(re.findall(r"^\S+==", requirements.read_text(), re.MULTILINE))


def install(folder: Path, requirements: Path, *alone: Path) -> int:
    """Fills an empty environment with wheels only, as build requirements are not pinned."""
    steps = 2 + len(alone)
    say(f"{folder}, step 1 of {steps}: an empty virtual environment")
    if call(sys.executable, "-m", "venv", "--clear", folder):
        return 1
    sizes = f"about {DOWNLOAD / GB:.0f} GB to download, {UNPACKED / GB:.0f} GB unpacked"
    packages = f"at most {count(requirements)} packages are installed, {sizes}"
    say(f"{folder}, step 2 of {steps}: {packages}; minutes")
    options = ["--require-hashes", "--only-binary=:all:"]
    pip = [folder / "bin/python", "-m", "pip", "install", "--disable-pip-version-check", *options]
    if not by_uv(folder, requirements, pip, options) and call(*pip, "-r", requirements):
        return 1
    for step, file in enumerate(alone, start=3):
        say(f"{folder}, step {step} of {steps}: pip installs {count(file)} without dependencies")
        if call(*pip, "--no-deps", "-r", file):
            return 1
    return 0


def by_uv(folder: Path, requirements: Path, pip: "list[object]", options: "list[str]") -> bool:
    """Installs by the uv of the pins, which uses all cores; returns false if pip must.

    uv has settings of its own. Where it lacks some that pip has, pip installs.
    """
    pins = pins_of("uv", requirements)
    with tempfile.TemporaryDirectory() as place:
        alone = Path(place) / "uv.txt"
        alone.write_text(pins)
        if not pins or call(*pip, "--quiet", "--no-deps", "-r", alone):
            return False
    into = ["--python", folder / "bin/python", "--compile-bytecode", "--quiet", *options]
    failed = call(folder / "bin/uv", "pip", "install", *into, "-r", requirements)
    if failed:
        say("uv could not install: pip tries it")
    return not failed


def pins_of(name: str, requirements: Path) -> str:
    """Returns the lines of one package: its version and its hashes."""
    text = requirements.read_text()
    return "".join(re.findall(rf"^{name}==(?:.*\\\n)*.*\n?", text, re.MULTILINE))


def prepare(folder: Path, requirements: Path, *alone: Path) -> int:
    pins, stamp = digest(requirements, *alone), folder / ".installed"
    refuse(no_ensurepip(), no_cargo(), no_linker())
    if stamp.exists() and stamp.read_text() == pins:
        return 0
    if folder.is_symlink():
        refuse(f"{folder} is a link to an environment with other pins: renew that one")
    # An outdated or incomplete environment makes room for the new one.
    shutil.rmtree(folder, ignore_errors=True)
    refuse(no_disk(folder))
    if install(folder, requirements, *alone):
        print(
            f"{folder} is incomplete, see above; the next run makes it again",
            file=sys.stderr,
        )
        return 1
    stamp.write_text(pins)
    return 0


if __name__ == "__main__":
    try:
        raise SystemExit(prepare(*map(Path, sys.argv[1:])))
    except KeyboardInterrupt:
        raise SystemExit(130) from None
