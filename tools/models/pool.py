"""Runs each trial in its own process: one that hangs, dies or eats memory spoils one row."""

from __future__ import annotations

import logging
import multiprocessing
import os
import resource
import warnings
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import redirect_stdout
from multiprocessing.connection import Connection
from pathlib import Path

from tools.models.records import ERROR, Record

WORKERS = 2
SECONDS = 120
"""The longest time of one trial."""

GIGABYTES = 8
"""The most memory of one trial."""


def try_all(model_types: Sequence[str]) -> Iterator[Record]:
    """Yields one record a model type, in their order, as trials end."""
    os.environ["HF_HUB_OFFLINE"] = "1"
    context = multiprocessing.get_context("forkserver")
    # Imported once, in the server from which every trial is forked.
    context.set_forkserver_preload(["tools.models.trial"])
    with ThreadPoolExecutor(WORKERS) as threads:
        yield from threads.map(try_one, model_types)


def try_one(model_type: str) -> Record:
    """Returns the record of one model type, tried in its own process."""
    context = multiprocessing.get_context("forkserver")
    here, there = context.Pipe(duplex=False)
    process = context.Process(target=_trial, args=(model_type, there))
    process.start()
    there.close()
    try:
        found: Record | None = here.recv() if here.poll(SECONDS) else None
    except EOFError:
        found = None
    if found is None and process.is_alive():
        process.kill()
    process.join()
    why = f"killed after {SECONDS} s" if process.exitcode == -9 else "its process ended"
    return found or Record(model_type, "", ERROR, why)


def _trial(model_type: str, there: Connection) -> None:
    # The server has imported it.
    from tools.models.trial import attempt

    resource.setrlimit(resource.RLIMIT_DATA, (GIGABYTES << 30, GIGABYTES << 30))
    warnings.simplefilter("ignore")
    logging.disable()
    with Path(os.devnull).open("w") as nowhere, redirect_stdout(nowhere):
        there.send(attempt(model_type))
