"""From service to plan: the commands read what a service recorded, as it is."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import multibin as mb
from multibin.cli import main
from multibin.lab.traces import read


@pytest.fixture
def recorded(tmp_path: Path) -> Path:
    """What a scheduler recorded of 300 requests, of which a tenth is cancelled."""
    path = tmp_path / "requests.jsonl"
    scheduler = mb.Scheduler(mb.Edges.geometric(512, 8), 8, record=path)
    lengths = np.random.default_rng(0).lognormal(4, 1, 300).clip(1, 500).astype(int)
    for key, length in enumerate(lengths.tolist()):
        ticket = scheduler.submit(key, length)
        if key % 10 == 9:
            scheduler.cancel(ticket)
    scheduler.close()
    with scheduler.worker() as worker:
        for batch in worker:
            with batch:
                batch.observe(batch.lengths, prompt_tokens=batch.keys + 1)
    scheduler.drain(timeout=30)
    return path


def test_the_trace_is_that_of_the_service(recorded: Path) -> None:
    trace = read(recorded)
    assert (len(trace.output_tokens), trace.dropped) == (270, 30)
    assert trace.arrivals is not None
    assert trace.predicted is not None
    kept = [key + 1 for key in range(300) if key % 10 != 9]
    assert sorted(trace.prompt_tokens.tolist()) == kept
    # Rows are in the order of arrival, which is known to the microsecond, not in that of the ends.
    assert abs(trace.prompt_tokens - kept).max() < 100
    assert trace.predicted.tolist() == trace.output_tokens.tolist()
    assert 0 < trace.arrivals[-1] < 60


def test_files_of_several_runs_join(recorded: Path) -> None:
    with mb.Recording(recorded) as recording:
        recording.write(arrival=1.5, prompt_tokens=9, predicted_tokens=8, output_tokens=7)
    trace = read(recorded)
    assert len(trace.output_tokens) == 271
    assert (trace.prompt_tokens[0], trace.output_tokens[0]) == (9, 7)


@pytest.mark.parametrize(
    "arguments", [("plan", "--batch-sizes", "8", "--bins", "1,4"), ("simulate",)]
)
def test_commands_take_the_file(
    recorded: Path, capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...]
) -> None:
    command, *options = arguments
    assert main([command, str(recorded), "--rate", "0.5", *options]) == 0
    assert recorded.name in capsys.readouterr().out


def test_a_file_without_lengths_is_refused(
    tmp_path: Path, refused: Callable[[list[str], str], None]
) -> None:
    path = tmp_path / "requests.jsonl"
    with mb.Recording(path) as recording:
        recording.write(arrival=1, end="cancelled")
    refused(["plan", str(path)], "no row with output tokens")
