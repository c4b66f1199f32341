"""What is to be known of a measurement."""

from __future__ import annotations

import platform
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import torch

from multibin.llm._load.models import Model

__all__ = ["about"]


def about(model: Model, name: str) -> dict[str, str]:
    """The model, the machine, the versions, the time: text by text."""
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
    """What the CPU calls itself."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.processor() or platform.machine())
