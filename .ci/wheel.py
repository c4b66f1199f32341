"""Opens the built wheel: kernels and schemas are in it, and it works where only numpy is installed.

A wheel for another processor is opened, but not run.

maturin follows the symlink python/multibin/kernels only for files that pyproject.toml names, and
says nothing about those it leaves out.
"""

from __future__ import annotations

import platform
import re
import subprocess
import sys
import tempfile
import venv
import zipfile
from pathlib import Path

ROOT = Path(__file__).parents[1]


def missing(wheel: Path) -> set[str]:
    wanted = {f"multibin/kernels/{file.name}" for file in (ROOT / "kernels").glob("*.py")}
    package = ROOT / "python/multibin"
    wanted |= {
        f"multibin/{file.relative_to(package)}"
        for file in package.rglob("*.py*")
        if "__pycache__" not in file.parts
    }
    wanted |= {f"multibin/{file.relative_to(package)}" for file in package.rglob("*.json")}
    wanted |= {"multibin/py.typed", "multibin/_core.abi3.so"}
    return wanted - set(zipfile.ZipFile(wheel).namelist())


def numpy_pins() -> str:
    """Returns the lock's lines for numpy: a pin for some Pythons, with its hashes, or several."""
    locked = (ROOT / "requirements/locked.txt").read_text()
    return "".join(re.findall(r"^numpy==.*\n(?:[ \t].*\n)+", locked, re.MULTILINE))


def try_alone(wheel: Path) -> None:
    """Schedules one request in an environment that has the wheel and the locked numpy alone."""
    code = """
import multibin
scheduler = multibin.Scheduler(multibin.Edges([0, 8, 16]), 4)
scheduler.submit(7, length=9)
with scheduler.worker() as worker, worker.next_batch(1) as batch:
    assert batch.keys.tolist() == [7]
"""
    with tempfile.TemporaryDirectory() as folder:
        venv.create(folder, with_pip=True)
        python, pins = Path(folder) / "bin/python", Path(folder) / "numpy.txt"
        pins.write_text(numpy_pins())
        pip = [python, "-m", "pip", "--disable-pip-version-check"]
        install = [*pip, "install", "--quiet", "--no-deps"]
        subprocess.run([*install, "--require-hashes", "-r", pins], check=True)
        subprocess.run([*install, wheel], check=True)
        subprocess.run([*pip, "check"], check=True)
        subprocess.run([python, "-c", code], check=True, cwd=folder)


def main() -> None:
    wheel = max(Path(sys.argv[1]).glob("*.whl"), key=lambda file: file.stat().st_mtime)
    assert "abi3" in wheel.name, wheel
    assert not missing(wheel), f"{wheel.name} lacks {sorted(missing(wheel))}"
    if not wheel.stem.endswith(platform.machine()):
        print(f"{wheel.name}: complete; not run, as this processor is {platform.machine()}")
        return
    try_alone(wheel)
    print(f"{wheel.name}: complete, and works with numpy alone")


if __name__ == "__main__":
    main()
