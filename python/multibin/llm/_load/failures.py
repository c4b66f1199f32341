"""Failures to load: a library's error as one line, a folder that does not exist."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch

from multibin._args import sentence

OWN_CODE = "it comes with code of its own, which runs with trust_remote_code=True only"

HUB_ID = re.compile(r"[\w-][\w.-]*(/[\w-][\w.-]*)?")

UNTYPED = ("DefaultCPUAllocator", "CUDA error: out of memory")
"""What messages of a lack of memory say that have no type of their own."""


@contextmanager
def loading(argument: str, name: str, gguf_file: str | None = None) -> Iterator[None]:
    """Turns an error of a library for a bad file into a ValueError of one line.

    A lack of memory is raised as it comes.
    """
    try:
        yield
    except Exception as error:
        if is_out_of_memory(error):
            raise
        where = "" if Path(name).is_dir() else "there is no such folder, and from the hub: "
        reason = OWN_CODE if "trust_remote_code" in str(error) else first_line(error)
        file = "" if gguf_file is None else f"gguf_file={Path(gguf_file).name!r}: "
        raise ValueError(f"{argument}={name!r} does not load: {where}{file}{reason}") from None


@contextmanager
def quantized_by(method: str | None) -> Iterator[None]:
    """Says in the error for a missing package by which method a checkpoint is quantised."""
    try:
        yield
    except ImportError as error:
        if method is None:
            raise
        raise ValueError(f"it is quantised by {method}: {first_line(error)}") from error


def is_out_of_memory(error: Exception) -> bool:
    """Returns whether `error` is a lack of memory.

    Torch has no type for it on the CPU, nor for pinned host memory.
    """
    untyped = isinstance(error, RuntimeError) and any(text in str(error) for text in UNTYPED)
    return untyped or isinstance(error, MemoryError | torch.OutOfMemoryError)


def first_line(error: Exception) -> str:
    """Returns the first line of an error's message, or the name of its type without a message."""
    return (str(error).splitlines() or [type(error).__name__])[0]


def check_location(name: str, source: str | os.PathLike[str]) -> str:
    """Returns `source` as a string: an existing folder, or what may be a hub id.

    Raises:
        ValueError: neither; a path that does not exist never reaches the hub.
    """
    location = os.fspath(source)
    path = Path(location)
    if path.is_dir():
        return location
    below = len(path.parts) > 1 and Path(path.parts[0]).is_dir()
    if isinstance(source, os.PathLike) or below or not HUB_ID.fullmatch(location):
        raise ValueError(sentence(name, "an existing folder or a hub id", location))
    return location
