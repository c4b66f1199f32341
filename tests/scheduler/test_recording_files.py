"""The files of a recording: their bounds, what they refuse, and how they end."""

from __future__ import annotations

import json
import logging
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

import multibin as mb
from multibin.lab.traces import read

LINE = '{"arrival": 1.000000, "prompt_tokens": 0, "output_tokens": 5, "end": "finished"}\n'
pytestmark = pytest.mark.thread_unsafe(reason="copies of a test would share its folder")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "requests.jsonl"


def arrivals(path: Path) -> list[float]:
    return [json.loads(line)["arrival"] for line in path.read_text().splitlines()]


def run(program: str, path: Path) -> subprocess.CompletedProcess[str]:
    code = f"import multibin as mb, os, sys\npath = {str(path)!r}\n{program}"
    return subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False
    )


def test_arguments_are_refused_in_one_voice(tmp_path: Path, path: Path) -> None:
    for wrong, message in (
        (tmp_path, "must be a file, got"),
        (tmp_path / "no" / "file", "must be a file that can be written (No such file or directory"),
    ):
        with pytest.raises(ValueError, match=r"^path must be a file") as error:
            mb.Recording(wrong)
        assert message in str(error.value)
        with pytest.raises(ValueError, match=r"^record must be a file"):
            mb.Scheduler(mb.Edges([0, 1]), 1, record=wrong)
    with pytest.raises(TypeError, match=r"path must be a str or os.PathLike, got 5"):
        mb.Recording(5)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="record must be a Recording, a str, "):
        mb.Scheduler(mb.Edges([0, 1]), 1, record=5)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="max_bytes must be at least 4096, got 4095"):
        mb.Recording(path, max_bytes=4095)
    with pytest.raises(ValueError, match="files must be at least 1, got 0"):
        mb.Recording(path, files=0)
    assert not path.exists()
    with mb.Recording(path) as recording:
        with pytest.raises(ValueError, match="end must be one of 'finished', 'expired', "):
            recording.write(arrival=1, end="done")  # type: ignore[arg-type]
        with pytest.raises(ValueError, match="arrival must be at least 0, got -1"):
            recording.write(arrival=-1)
        with pytest.raises(ValueError, match="output_tokens must be between 0 and"):
            recording.write(arrival=1, output_tokens=-1)


def test_a_file_of_something_else_is_left_alone(path: Path) -> None:
    for text in ("a,b\n1,2\n", '{"prompt": "text"}\n', "{"):
        path.write_text(text)
        if text == "{":
            # It may be the torn first line of a recording.
            mb.Recording(path).close()
            continue
        with pytest.raises(ValueError, match="a new file, or one that a recording wrote"):
            mb.Recording(path)
        assert path.read_text() == text


def test_the_files_are_bounded(path: Path) -> None:
    with mb.Recording(path, max_bytes=4096, files=3) as recording:
        for arrival in range(1000):
            assert recording.write(arrival=arrival, output_tokens=5)
    files = sorted(path.parent.iterdir())
    assert [file.name for file in files] == [path.name + end for end in ("", ".1", ".2")]
    assert all(file.stat().st_size <= 4096 for file in files)
    # The newest records are kept, and no line is in two files.
    kept = [arrival for file in reversed(files) for arrival in arrivals(file)]
    assert kept == list(range(1000 - len(kept), 1000))
    assert recording.written == 1000
    assert recording.dropped == 0


def test_one_file_begins_again(path: Path) -> None:
    with mb.Recording(path, max_bytes=4096, files=1) as recording:
        for arrival in range(1000):
            recording.write(arrival=arrival)
    assert [file.name for file in path.parent.iterdir()] == [path.name]
    assert path.stat().st_size <= 4096
    assert arrivals(path)[-1] == 999


def test_a_recording_goes_on_behind_a_torn_line(path: Path) -> None:
    for torn in ("", LINE[:30], LINE[:-1], "{", "x" * 10_000):
        path.write_text(LINE + torn)
        with mb.Recording(path) as recording:
            recording.write(arrival=2, output_tokens=5)
        assert arrivals(path) == [1, 2]
    path.write_text(LINE[:30])
    mb.Recording(path).close()
    assert path.read_text() == ""


def test_its_own_size_counts_what_was_there(path: Path) -> None:
    path.write_text(LINE * (4000 // len(LINE)))
    with mb.Recording(path, max_bytes=4096) as recording:
        for _ in range(3):
            recording.write(arrival=2)
    assert arrivals(path)[-1] == 2
    assert path.stat().st_size <= 4096
    assert set(arrivals(path.with_name(path.name + ".1"))) >= {1}


def test_one_recording_writes_a_file(path: Path) -> None:
    first = mb.Recording(path)
    with pytest.raises(ValueError, match="a file that no other recording writes"):
        mb.Recording(path)
    refused = run("mb.Scheduler(mb.Edges([0, 1]), 1, record=path)", path)
    assert "record must be a file that no other recording writes" in refused.stderr
    first.write(arrival=1)
    first.close()
    with mb.Recording(path) as second:
        second.write(arrival=2)
    first.close()
    assert not first.write(arrival=3)
    assert arrivals(path) == [1, 2]


def test_a_recording_that_is_dropped_writes_its_last_lines(path: Path) -> None:
    for arrival in range(20):
        # The one before has just been dropped.
        mb.Recording(path).write(arrival=arrival)
    mb.Recording(path).close()
    assert arrivals(path) == list(range(20))


def test_a_file_that_was_moved_away_is_made_again(path: Path) -> None:
    recording = mb.Recording(path)
    recording.write(arrival=1)
    recording.flush(timeout=30)
    moved = path.rename(path.with_suffix(".old"))
    time.sleep(1.1)
    recording.write(arrival=2)
    recording.close()
    assert (arrivals(moved), arrivals(path)) == ([1], [2])
    assert recording.failure is None


def test_a_folder_that_is_gone_ends_it_with_one_warning(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    scheduler = mb.Scheduler(mb.Edges([0, 1]), 1, record=folder / "requests.jsonl")
    recording = scheduler.recording
    assert recording is not None
    shutil.rmtree(folder)
    time.sleep(1.1)
    worker = scheduler.worker()
    with caplog.at_level(logging.WARNING, logger="multibin"):
        for key in range(50):
            scheduler.submit(key, 1)
            worker.next_batch(0).done()
            time.sleep(0.001)
        recording.flush(timeout=30)
        end = time.monotonic() + 30
        while not caplog.records and time.monotonic() < end:
            time.sleep(0.01)
    (warning,) = caplog.records
    assert warning.getMessage().startswith(f"nothing more is recorded in {recording.path}: No such")
    assert recording.failure is not None
    assert recording.failure in warning.getMessage()
    assert (recording.written, recording.dropped) == (0, 50)
    assert scheduler.stats()["done"] == 50


@pytest.mark.skipif(sys.platform == "win32", reason="there is no limit of file sizes")
def test_a_full_disk_stops_the_recording_alone(path: Path) -> None:
    program = """
import resource, time
resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, 10_000))
s = mb.Scheduler(mb.Edges([0, 1]), 1, record=path)
worker = s.worker()
for key in range(3):
    s.submit_many(range(1000), [1] * 1000)
    for _ in range(1000):
        worker.next_batch(0).done()
    s.recording.flush()
print(s.stats()["done"], s.recording.written + s.recording.dropped, s.recording.failure)
print(s.recording.written)
time.sleep(0.2)
"""
    outcome = run(program, path)
    done, written = outcome.stdout.splitlines()
    assert done.startswith("3000 3000 File too large")
    assert len(arrivals(path)) == int(written)
    assert outcome.stderr.count("nothing more is recorded in") == 1
    assert outcome.returncode == 0


def test_records_without_room_are_counted(path: Path) -> None:
    count = 600_000
    scheduler = mb.Scheduler(mb.Edges([0, 1]), 1, capacity=count, record=path)
    scheduler.submit_many(np.arange(count), np.ones(count), ttls=np.zeros(count))
    # They are recorded at once, much faster than a file is written.
    assert len(scheduler.expired()[0]) == count
    scheduler.drain(timeout=60)
    recording = scheduler.recording
    assert recording is not None
    assert recording.dropped > 0
    assert recording.written + recording.dropped == count
    files = [file for file in path.parent.iterdir() if file.name.startswith(path.name)]
    assert sum(len(arrivals(file)) for file in files) == recording.written


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork")
def test_a_forked_child_writes_nothing(path: Path) -> None:
    program = """
import warnings
warnings.simplefilter("ignore", DeprecationWarning)
recording = mb.Recording(path)
s = mb.Scheduler(mb.Edges([0, 1]), 1, record=recording)
recording.write(arrival=1)
for ends in (sys.exit, os._exit):
    child = os.fork()
    if child == 0:
        assert not recording.write(arrival=9)
        recording.flush()
        recording.close()
        try:
            mb.Recording(path)
        except ValueError:
            pass
        else:
            os._exit(3)
        with mb.Recording(path + ".child") as own:
            own.write(arrival=3)
        del recording, s
        ends(5)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 5
recording.write(arrival=2)
"""
    outcome = run(program, path)
    assert (outcome.returncode, outcome.stderr) == (0, "")
    assert arrivals(path) == [1, 2]
    assert arrivals(Path(f"{path}.child")) == [3, 3]


ENDS = {
    "it is there": "",
    "it was dropped": "del s, worker",
    "an exception": "raise SystemExit(0)",
    "threads record on": """
import threading
def work():
    while True:
        s.recording.write(arrival=7)
threading.Thread(target=work, daemon=True).start()
""",
}


@pytest.mark.parametrize("end", ENDS)
def test_the_end_of_the_interpreter_writes_what_is_left(path: Path, end: str) -> None:
    program = f"""
s = mb.Scheduler(mb.Edges([0, 1]), 1000, record=path)
worker = s.worker()
s.submit_many(range(1000), [1] * 1000)
for _ in range(1):
    worker.next_batch(0).done()
{ENDS[end]}
"""
    outcome = run(program, path)
    assert (outcome.returncode, outcome.stderr) == (0, "")
    assert sum(arrival != 7 for arrival in arrivals(path)) == 1000


@pytest.mark.skipif(sys.platform == "win32", reason="there is no SIGKILL")
def test_a_killed_process_loses_a_second_at_most(path: Path) -> None:
    program = """
import signal, time
recording = mb.Recording(path)
for arrival in range(1000):
    recording.write(arrival=arrival, output_tokens=5)
time.sleep(1)
while True:
    for _ in range(1000):
        recording.write(arrival=5000, output_tokens=5)
    if recording.written > 10_000:
        os.kill(os.getpid(), signal.SIGKILL)
"""
    outcome = run(program, path)
    assert outcome.returncode == -signal.SIGKILL
    mb.Recording(path).close()
    assert arrivals(path)[:1000] == list(range(1000))
    assert len(read(path).output_tokens) >= 10_000
