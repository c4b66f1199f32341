"""Opens the built wheel: the kernels are in it, and it works where only numpy is installed.

maturin follows the symlink python/multibin/kernels only for files that pyproject.toml names, and
says nothing about those it leaves out.
"""

from __future__ import annotations

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
    wanted |= {"multibin/py.typed", "multibin/_core.abi3.so"}
    return wanted - set(zipfile.ZipFile(wheel).namelist())


def try_alone(wheel: Path) -> None:
    """Installs the wheel in an empty environment and schedules one request."""
    code = """
import multibin
scheduler = multibin.Scheduler(multibin.Edges([0, 8, 16]), 4)
scheduler.submit(7, length=9)
assert scheduler.next_batch(1).keys.tolist() == [7]
"""
    with tempfile.TemporaryDirectory() as folder:
        venv.create(folder, with_pip=True)
        python = Path(folder) / "bin/python"
        subprocess.run([python, "-m", "pip", "install", "--quiet", wheel], check=True)
        subprocess.run([python, "-c", code], check=True, cwd=folder)


def main() -> None:
    wheel = max(Path(sys.argv[1]).glob("*.whl"), key=lambda file: file.stat().st_mtime)
    assert "abi3" in wheel.name, wheel
    assert not missing(wheel), f"{wheel.name} lacks {sorted(missing(wheel))}"
    try_alone(wheel)
    print(f"{wheel.name}: complete, and works with numpy alone")


if __name__ == "__main__":
    main()
