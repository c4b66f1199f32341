"""The facts of a measurement: model, machine, versions, time."""

from __future__ import annotations

import platform
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import torch

from multibin.llm._load.models import Model

__all__ = ["about"]


def about(model: Model, name: str) -> dict[str, str]:
    """Returns the facts by name, as text."""
    cuda = model.device.type == "cuda"
    return {
        "model": name,
        "device": torch.cuda.get_device_name(model.device) if cuda else f"CPU, {_processor()}",
        "threads": str(torch.get_num_threads()),
        "dtype": str(model.module.dtype).removeprefix("torch."),
        "versions": f"multibin {version('multibin')}, torch {torch.__version__},"
        f" transformers {version('transformers')}, Python {platform.python_version()}",
        "date": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
    }


def _processor() -> str:
    """Returns the CPU's name."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.processor() or platform.machine())
