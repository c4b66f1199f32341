"""Makes a virtual environment for each line of requirements/peers.txt: ``… install FOLDER``."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from .run import ROOT

UV = [sys.executable, "-m", "uv"]
# What a library imports without declaring it.
UNDECLARED = {"infinity-emb": ["requests"]}


def main() -> None:
    folder = Path(sys.argv[1])
    lines = (ROOT / "requirements" / "peers.txt").read_text().splitlines()
    for line in lines:
        if not line.startswith("#"):
            make(folder, line)


def make(folder: Path, pin: str) -> None:
    """Makes the environment of one library, unless its stamp says that it is there."""
    name = pin.partition("==")[0].partition("[")[0]
    home, stamp = folder / name, folder / name / ".installed"
    if stamp.exists() and stamp.read_text() == pin:
        return
    print(f"installing {pin} into {home}", flush=True)
    run = [*UV, "venv", "--quiet", "--clear", "--python", sys.executable, str(home)]
    subprocess.run(run, check=True)
    install = [*UV, "pip", "install", "--quiet", "--python", str(home / "bin" / "python"), pin]
    outcome = subprocess.run([*install, *UNDECLARED.get(name, [])], check=False)
    if outcome.returncode:
        print(f"{pin} does not install here: its part of the suite is skipped")
        return
    stamp.write_text(pin)


if __name__ == "__main__":
    main()
