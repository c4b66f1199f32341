"""Finds the file of requests that an example reads."""

import contextlib
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from multibin.lab.traces import arrivals, chat


@contextlib.contextmanager
def csv_file(count: int, rate: float) -> Iterator[Path]:
    """Yields the file of the command line; without one, a file with made-up requests of a chat.

    Args:
        count: how many requests are made up.
        rate: how many of them come a second; they come at random.
    """
    if len(sys.argv) > 1:
        yield Path(sys.argv[1])
        return
    trace, times = chat(count, seed=0), arrivals.poisson(count, rate=rate, seed=1)
    columns = zip(times, trace.prompt_tokens, trace.output_tokens, strict=True)
    rows = [f"{time:.3f},{prompt},{output}" for time, prompt, output in columns]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "requests.csv")
        path.write_text("\n".join(["arrival,prompt_tokens,output_tokens", *rows]))
        yield path
