"""Runs one check on one subject in a process of its own, so that what hangs is ended."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
import traceback
from collections.abc import Awaitable
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from .checks import load
from .subject import NotOffered
from .subjects import find
from .trial import Hung, Trial

ROOT = Path(__file__).parents[3]
# Seconds that a process may take beside what its check waits for: servers start slowly.
START = 60


@dataclass(frozen=True)
class Outcome:
    """How a check ended: ``passes``, ``fails``, ``hangs`` or ``not offered``, and why."""

    outcome: str
    why: str = ""


def in_child(subject: str, check: str, patience: float) -> Outcome:
    """Returns the outcome of one check; the process is killed if it does not end."""
    command = [*interpreter(subject), "-m", __package__, subject, "--check", check]
    command += [f"--patience={patience}"]
    with tempfile.TemporaryDirectory() as folder:
        process = start([*command, f"--folder={folder}"], Path(folder))
        try:
            return watch(process, Path(folder), patience)
        finally:
            end(process)


def start(command: list[str], folder: Path) -> subprocess.Popen[bytes]:
    """Starts the process in a session of its own; what it prints goes to files."""
    with (folder / "stdout").open("wb") as stdout, (folder / "stderr").open("wb") as stderr:
        return subprocess.Popen(
            command,
            cwd=ROOT,
            env=os.environ | {"OMP_NUM_THREADS": "1"},
            stdin=subprocess.DEVNULL,
            stdout=stdout,
            stderr=stderr,
            start_new_session=True,
        )


def interpreter(subject: str) -> list[str]:
    """Returns the Python that has the library: that of ``PEERS``/library, if there is one."""
    folder = getattr(find(subject), "distribution", "")
    path = Path(os.environ.get("PEERS", "")) / folder / "bin" / "python"
    return [str(path if folder and path.exists() else sys.executable)]


def watch(process: subprocess.Popen[bytes], folder: Path, patience: float) -> Outcome:
    """Waits for the outcome, and then for the end of the process."""
    said = folder / "outcome"
    ended = waited(process, START + 8 * patience, until=said)
    if not said.exists():
        why = f"the process ended with status {process.poll()}" if ended else "it did not end"
        tail = (folder / "stderr").read_text(errors="replace")[-3000:]
        return Outcome("fails" if ended else "hangs", f"{why}\n{tail}")
    outcome = Outcome(**json.loads(said.read_text()))
    if outcome.outcome == "passes" and not waited(process, patience):
        return Outcome("hangs", "the process did not end")
    return outcome


def waited(process: subprocess.Popen[bytes], seconds: float, *, until: Path | None = None) -> bool:
    """Waits until a process ends, or a file is there; returns true if it has ended."""
    end = time.monotonic() + seconds
    while process.poll() is None and time.monotonic() < end:
        if until is not None and until.exists():
            return False
        time.sleep(0.01)
    return process.poll() is not None


def end(process: subprocess.Popen[bytes]) -> None:
    """Kills the process and what it started."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def here(subject: str, check: str, patience: float, folder: Path) -> None:
    """Runs a check in this process and writes its outcome.

    The process is then left at once, so that what a subject leaves behind is not judged. Only
    ``exits_while_open`` asks how it ends by itself.
    """

    def say(outcome: Outcome) -> None:
        (folder / "partial").write_text(json.dumps(asdict(outcome)))
        (folder / "partial").rename(folder / "outcome")
        if check != "exits_while_open" or outcome.outcome != "passes":
            os._exit(0)

    async def judged(made: Awaitable[None]) -> None:
        try:
            await made
        except BaseException as error:
            say(failure(error))
        say(Outcome("passes"))

    try:
        made = load()[check].body(Trial(find(subject), folder, patience))
        if made is not None:
            asyncio.run(judged(made))
    except BaseException as error:
        say(failure(error))
    say(Outcome("passes"))


def failure(error: BaseException) -> Outcome:
    """Returns what an error in a check says about the subject."""
    if isinstance(error, NotOffered):
        return Outcome("not offered", str(error))
    if isinstance(error, Hung):
        return Outcome("hangs", str(error))
    return Outcome("fails", "".join(traceback.format_exception(error))[-3000:])
