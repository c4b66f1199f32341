"""An environment is made only if nothing is missing, and only a complete one is reused."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from collections import namedtuple
from pathlib import Path

import pytest

from tools import environment

SCRIPT = Path(environment.__file__)
Usage = namedtuple("Usage", "total used free")


@pytest.fixture
def requirements(tmp_path: Path) -> Path:
    file = tmp_path / "pins.txt"
    file.write_text("one==1 --hash=sha256:1\n")
    return file


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[tuple[object, ...]]:
    """The commands of an installation; they succeed, and make nothing but the folder."""
    made: list[tuple[object, ...]] = []

    def call(*command: object) -> int:
        made.append(command)
        if command[1:3] == ("-m", "venv"):
            Path(str(command[-1])).mkdir()
        return 0

    monkeypatch.setattr(environment, "call", call)
    return made


def run(*arguments: object, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, SCRIPT, *map(str, arguments)],
        env=os.environ | variables,
        capture_output=True,
        text=True,
        check=False,
    )


def test_python_3_6_can_read_it() -> None:
    ast.parse(SCRIPT.read_text(), feature_version=(3, 6))


@pytest.mark.parametrize("version", [(3, 11, 0), (3, 14, 2)])
def test_supported_pythons_pass(version: tuple[int, ...]) -> None:
    assert environment.wrong_python(version, "python3") == ""


@pytest.mark.parametrize("version", [(3, 6, 15), (3, 10, 13), (3, 15, 0)])
def test_other_pythons_are_named(
    version: tuple[int, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    found = ".".join(map(str, version))
    start = f"multibin needs Python 3.11 to 3.14; python3 is {found}: "
    line = environment.wrong_python(version, "python3")
    assert line == f"{start}install one of these and set PYTHON"
    (tmp_path / "python3.12").touch(mode=0o755)
    assert environment.wrong_python(version, "python3") == f"{start}set PYTHON=python3.12"


@pytest.mark.parametrize(
    ("said", "line"),
    [
        (None, "cargo is missing: install Rust 1.88 or newer, https://rustup.rs"),
        ("cargo 1.70.0 (ec8a8a0ca 2023-04-25)", "cargo is 1.70: install Rust 1.88 or newer"),
        ("cargo 1.88.0 (873a06493 2025-05-10)", ""),
        ("cargo 2.0.0", ""),
    ],
)
def test_cargo(
    said: str | None, line: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    if said:
        (tmp_path / "cargo").write_text(f"#!/bin/sh\necho '{said}'\n")
        (tmp_path / "cargo").chmod(0o755)
    assert environment.no_cargo().startswith(line)
    assert bool(environment.no_cargo()) is bool(line)


def test_each_missing_thing_is_a_line(tmp_path: Path, requirements: Path) -> None:
    done = run(tmp_path / "venv", requirements, PATH=str(tmp_path))
    assert done.returncode == 2
    assert [line.split(" is missing")[0] for line in done.stderr.splitlines()] == ["cargo", "cc"]
    assert not (tmp_path / "venv").exists()


def test_no_ensurepip(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    assert "install python3." in environment.no_ensurepip()


@pytest.mark.parametrize(("free", "enough"), [(13.9, False), (14.1, True)])
def test_disk(free: float, enough: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One disk holds all: 7 GB and what cargo builds, the downloads, and pip's cache of them."""
    monkeypatch.setenv("PIP_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setattr("tempfile.gettempdir", lambda: str(tmp_path))
    usage = Usage(0, 0, int(free * environment.GB))
    monkeypatch.setattr("shutil.disk_usage", lambda _: usage)
    line = "" if enough else f"14 GB are needed on the disk of {tmp_path}, 13.9 are free"
    assert environment.no_disk(tmp_path / "venv") == line


def test_a_complete_environment_is_reused_until_the_pins_change(
    tmp_path: Path, requirements: Path, calls: list[tuple[object, ...]]
) -> None:
    folder = tmp_path / "venv"
    assert environment.prepare(folder, requirements) == 0
    assert len(calls) == 2
    made = (folder / ".installed").stat().st_mtime_ns
    requirements.write_text("# A comment.\n" + requirements.read_text())
    assert environment.prepare(folder, requirements) == 0
    assert len(calls) == 2
    assert (folder / ".installed").stat().st_mtime_ns == made
    requirements.write_text("one==2 --hash=sha256:2\n")
    assert environment.prepare(folder, requirements) == 0
    assert len(calls) == 4


def test_another_python_makes_another_environment(
    requirements: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = environment.digest(requirements)
    monkeypatch.setattr(sys.implementation, "cache_tag", "cpython-399")
    assert environment.digest(requirements) != before


def test_an_interrupted_installation_starts_again(
    tmp_path: Path,
    requirements: Path,
    calls: list[tuple[object, ...]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def interrupted(*_: object) -> int:
        raise KeyboardInterrupt

    folder = tmp_path / "venv"
    assert environment.prepare(folder, requirements) == 0
    requirements.write_text("one==2 --hash=sha256:2\n")
    with monkeypatch.context() as patch:
        patch.setattr(environment, "call", interrupted)
        with pytest.raises(KeyboardInterrupt):
            environment.prepare(folder, requirements)
    # The old pins are back, yet the remains of the interruption do not count as their environment.
    requirements.write_text("one==1 --hash=sha256:1\n")
    assert environment.prepare(folder, requirements) == 0
    assert len(calls) == 4


def test_pip_installs_hashed_wheels_only(
    tmp_path: Path, requirements: Path, calls: list[tuple[object, ...]]
) -> None:
    environment.prepare(tmp_path / "venv", requirements)
    assert {"--require-hashes", "--only-binary=:all:"} < set(calls[-1])
    assert "--quiet" not in calls[-1]


def test_some_packages_come_without_their_dependencies(
    tmp_path: Path, requirements: Path, calls: list[tuple[object, ...]]
) -> None:
    folder, alone = tmp_path / "venv", tmp_path / "alone.txt"
    alone.write_text("two==1 --hash=sha256:2\n")
    assert environment.prepare(folder, requirements, alone) == 0
    _, whole, last = calls
    assert "--no-deps" not in whole
    assert {"--no-deps", "--require-hashes", "--only-binary=:all:", alone} < set(last)
    alone.write_text("two==2 --hash=sha256:2\n")
    assert environment.prepare(folder, requirements, alone) == 0
    assert len(calls) == 6


def test_a_failed_installation_is_reported(tmp_path: Path, requirements: Path) -> None:
    """A real installation: the hash is invalid."""
    done = run(tmp_path / "venv", requirements, PIP_NO_INDEX="1")
    assert done.returncode == 1
    assert "step 2 of 2: at most 1 packages are installed" in done.stdout
    assert done.stderr.splitlines()[-1].endswith("the next run makes it again")
    assert not (tmp_path / "venv/.installed").exists()


def test_the_pinned_uv_installs_and_pip_if_it_fails(
    tmp_path: Path,
    requirements: Path,
    calls: list[tuple[object, ...]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pins = "uv==3 \\\n    --hash=sha256:3 \\\n    --hash=sha256:4\n"
    requirements.write_text(f"one==1 --hash=sha256:1\n{pins}two==2 --hash=sha256:2\n")
    assert environment.pins_of("uv", requirements) == pins
    assert environment.install(tmp_path / "a", requirements) == 0
    made, of_uv, whole = calls
    assert made[0] == sys.executable
    assert {"--no-deps", "--require-hashes"} < set(of_uv)
    assert whole[0] == tmp_path / "a/bin/uv"
    assert {"--require-hashes", "--only-binary=:all:", requirements} < set(whole)

    def failing(*command: object) -> int:
        calls.append(command)
        return command[0] == tmp_path / "b/bin/uv"

    calls.clear()
    monkeypatch.setattr(environment, "call", failing)
    assert environment.install(tmp_path / "b", requirements) == 0
    assert calls[3][1:4] == ("-m", "pip", "install")
    assert requirements in calls[3]


def test_a_link_to_an_environment_is_left_alone(
    tmp_path: Path, requirements: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "real/file").touch()
    (tmp_path / "link").symlink_to("real")
    with pytest.raises(SystemExit):
        environment.prepare(tmp_path / "link", requirements)
    assert "link to an environment with other pins" in capsys.readouterr().err
    assert (tmp_path / "real/file").exists()
