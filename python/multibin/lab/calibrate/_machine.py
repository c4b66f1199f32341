"""The facts of a measurement: model, machine, versions, time."""

from __future__ import annotations

import platform
from importlib.metadata import version

import torch

from multibin.costs._machine import date, processor
from multibin.llm._load.models import Model

__all__ = ["about"]


def about(model: Model, name: str) -> dict[str, str]:
    """Returns the facts by name, as text."""
    cuda = model.device.type == "cuda"
    return {
        "model": name,
        "device": torch.cuda.get_device_name(model.device) if cuda else f"CPU, {processor()}",
        "threads": str(torch.get_num_threads()),
        "dtype": str(model.module.dtype).removeprefix("torch."),
        "versions": f"multibin {version('multibin')}, torch {torch.__version__},"
        f" transformers {version('transformers')}, Python {platform.python_version()}",
        "date": date(),
    }
