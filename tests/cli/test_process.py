"""The command as a process: its exit status, closed streams, Ctrl-C and SIGTERM at any moment."""

from __future__ import annotations

import io
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from multibin.cli import _process, main
from multibin.cli._commands import COMMANDS
from multibin.cli._options import progress

MULTIBIN = f"{sys.executable} -m multibin"
SIMULATE = "simulate trace.csv --requests=50 --policy=fifo"
IMPORTED = """
import sys
from multibin.cli import main
before = set(sys.modules)
try:
    main(sys.argv[1:])
finally:
    print(*sorted(name for name in sys.modules if name.startswith("multibin.cli.")))
    print("numpy" in sys.modules)
"""


def shell(line: str) -> subprocess.CompletedProcess[str]:
    """Runs a line of bash, in which a pipe ends with the first command's status."""
    script = f"{line}; exit ${{PIPESTATUS[0]}}"
    return subprocess.run(["bash", "-c", script], capture_output=True, text=True, check=False)


def start(*arguments: str, code: str = "") -> subprocess.Popen[str]:
    """Starts the command, or code, with the signals of a terminal also in the background."""
    return subprocess.Popen(
        [sys.executable, *(["-c", code] if code else ["-m", "multibin"]), *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )


def said_by(process: subprocess.Popen[str]) -> str:
    """Waits for the end and returns what the process wrote on stderr."""
    with process:
        try:
            return process.communicate(timeout=100)[1]
        finally:
            process.kill()


@pytest.mark.parametrize("streams", ["2>&-", "2>/dev/full", "<&-", "<&- 2>&-"])
def test_the_result_needs_no_stderr_and_no_stdin(streams: str) -> None:
    whole = shell(f"{MULTIBIN} {SIMULATE}")
    assert whole.returncode == 0
    done = shell(f"{MULTIBIN} {SIMULATE} {streams}")
    assert (done.returncode, done.stdout) == (0, whole.stdout)


@pytest.mark.parametrize("command", [SIMULATE, "--help", "simulate --help", "--version"])
def test_a_reader_that_is_gone_is_141(command: str) -> None:
    done = shell(f"{MULTIBIN} {command} | true")
    # A help text may be written before its reader has ended.
    assert done.returncode in ((141,) if command == SIMULATE else (0, 141))
    assert done.stderr == ""


@pytest.mark.parametrize(("output", "why"), [("/dev/full", "No space"), ("&-", "Bad file")])
@pytest.mark.parametrize("command", [SIMULATE, "--version"])
def test_an_output_that_cannot_be_written_is_an_error(command: str, output: str, why: str) -> None:
    done = shell(f"{MULTIBIN} {command} >{output}")
    assert done.returncode == 2
    [line] = done.stderr.splitlines()
    assert line.startswith("multibin")
    assert f"error: [Errno {'28' if output == '/dev/full' else '9'}] {why}" in line


def test_a_closed_input_that_is_read_is_an_error() -> None:
    pytest.importorskip("torch", reason="the engine needs the extra `llm`")
    done = shell(f"{MULTIBIN} generate - <&-")
    assert done.returncode == 2
    assert done.stderr.startswith("multibin generate: error: ")
    assert len(done.stderr.splitlines()) == 1


def test_a_closed_output_gets_no_file_of_the_command() -> None:
    """The lowest free number would be that of the trace, and the table would be written there."""
    before = Path("trace.csv").read_bytes()
    assert shell(f"{MULTIBIN} {SIMULATE} >&- 2>&- <&-").returncode == 2
    assert Path("trace.csv").read_bytes() == before


CRASHES = """
import sys
import multibin.cli.simulate as command
from multibin.cli import main

def run(options):
    raise {error}

command.run = run
sys.argv = ["multibin", "simulate", "trace.csv"]
sys.exit(main())
"""


@pytest.mark.parametrize(
    ("error", "status"),
    [("RuntimeError('lost')", 70), ("KeyError(1)", 70), ("ValueError('x')", 2)],
)
def test_a_failure_inside_is_not_the_answer_no(error: str, status: int) -> None:
    process = start(code=CRASHES.format(error=error))
    said = said_by(process)
    assert process.returncode == status
    assert ("Traceback" in said) is (status == 70)


def test_ctrl_c_at_any_moment_ends_with_130() -> None:
    """Python's own first moments aside, in which its traceback is the only answer there is."""
    began = time.monotonic()
    process = start("simulate", "trace.csv", "--requests=300")
    said = said_by(process)
    assert process.returncode == 0, said
    whole = time.monotonic() - began
    ends = []
    for part in range(2, 18):
        process = start("simulate", "trace.csv", "--requests=300")
        time.sleep(whole * part / 18)
        process.send_signal(signal.SIGINT)
        said = said_by(process)
        ends.append((process.returncode, said))
    # While the interpreter ends, the signal does it, which a shell calls 130 too.
    assert {status for status, _ in ends[6:]} <= {0, 130, -signal.SIGINT}
    assert {said for _, said in ends[6:]} == {""}


def test_sigterm_ends_without_a_traceback() -> None:
    process = start("simulate", "trace.csv", "--requests=3000000", "--rate=1")
    time.sleep(1)
    process.terminate()
    said = said_by(process)
    assert process.returncode == -signal.SIGTERM
    assert "Traceback" not in said


INTERRUPTED = """
import os, signal, sys, time
import multibin.cli.simulate as command
from multibin.cli import main

class Held:
    def __del__(self):
        os.kill(os.getpid(), signal.SIGINT)
        for _ in range(100):
            time.sleep(0.001)

def run(options):
    held = Held()
    del held
    time.sleep(60)

command.run = run
sys.argv = ["multibin", "simulate", "trace.csv"]
sys.exit(main())
"""


def test_ctrl_c_in_a_destructor_is_not_lost() -> None:
    process = start(code=INTERRUPTED)
    said = said_by(process)
    assert (process.returncode, said) == (130, "")


@pytest.fixture
def owned(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[int]]:
    """This process as the command, with Ctrl-C at its default; where it ends is noted."""
    ended: list[int] = []
    monkeypatch.setattr(_process, "_owned", True)
    monkeypatch.setattr(os, "_exit", ended.append)
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield ended
    signal.signal(signal.SIGINT, before)


def test_imports_end_at_once_and_leave_ctrl_c_as_it_was(owned: list[int]) -> None:
    with _process.importing():
        with _process.importing():
            pass
        signal.raise_signal(signal.SIGINT)
    assert owned == [130]
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


@pytest.mark.usefixtures("owned")
def test_ctrl_c_that_is_ignored_stays_ignored() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with _process.importing():
        assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN


def test_in_a_program_nothing_of_the_process_changes(capsys: pytest.CaptureFixture[str]) -> None:
    before = signal.getsignal(signal.SIGINT), sys.stderr, sys.unraisablehook
    assert main(SIMULATE.split()) == 0
    assert capsys.readouterr().out
    assert (signal.getsignal(signal.SIGINT), sys.stderr, sys.unraisablehook) == before


@pytest.mark.parametrize(
    ("arguments", "modules"), [(["--help"], set()), (["simulate", "--help"], {"simulate"})]
)
def test_only_what_is_asked_for_is_imported(arguments: list[str], modules: set[str]) -> None:
    process = start(*arguments, code=IMPORTED)
    with process:
        out, said = process.communicate()
    *_, names, has_numpy = out.splitlines()
    found = {name.rpartition(".")[2] for name in names.split()}
    assert found & set(COMMANDS) == modules, said
    assert has_numpy == str(bool(modules))


def test_every_command_has_its_line_and_its_module(capsys: pytest.CaptureFixture[str]) -> None:
    for command, line in COMMANDS.items():
        with pytest.raises(SystemExit):
            main([command, "--help"])
        assert " ".join(line.split()) in " ".join(capsys.readouterr().out.split())


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("make", "lines"),
    [
        (Terminal, ["", "\x1b[Kplay:   0 s  k=2", "\x1b[Kplay:   0 s  k=3", "\x1b[K"]),
        (io.StringIO, [""]),
        (lambda: None, []),
    ],
)
def test_progress_is_for_terminals(
    make: Callable[[], io.StringIO | None], lines: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TERM", "xterm")
    stream = make()
    monkeypatch.setattr(sys, "stderr", stream)
    report = progress("play")
    for text in ("k=2", "k=3", ""):
        report(text)
    assert stream is None or stream.getvalue().split("\r") == lines


def test_a_terminal_that_clears_no_line_gets_no_progress(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "dumb")
    stream = Terminal()
    monkeypatch.setattr(sys, "stderr", stream)
    progress("play")("k=2")
    assert stream.getvalue() == ""
