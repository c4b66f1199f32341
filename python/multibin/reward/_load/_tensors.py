"""Names and weights in the files of a checkpoint, without the model that they are for."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from torch import Tensor

from multibin.llm._load import hf

FILES = ("model.safetensors", "pytorch_model.bin")


def tensor_files(name: str) -> dict[str, Path]:
    """Returns the file of each tensor of a folder or hub id, by the tensor's name.

    Raises:
        OSError: the checkpoint has no file with weights.
    """
    for single in FILES:
        if (index := _file(name, f"{single}.index.json")) is not None:
            listed = json.loads(index.read_text(encoding="utf-8"))["weight_map"]
            files = {part: _part(name, part) for part in set(listed.values())}
            return {tensor: files[part] for tensor, part in listed.items()}
        if (file := _file(name, single)) is not None:
            with _opened(file) as tensors:
                return dict.fromkeys(tensors.keys(), file)
    raise OSError(f"it has no file with weights: {' or '.join(FILES)}")


def read_tensors(files: dict[str, Path], names: Iterable[str]) -> dict[str, Tensor]:
    """Returns these tensors on the CPU, by name."""
    found: dict[str, Tensor] = {}
    for name in names:
        with _opened(files[name]) as tensors:
            found[name] = tensors.get_tensor(name)
    return found


class _Pickled:
    """The tensors of a file that torch has saved, read as those of a safetensors file are."""

    def __init__(self, file: Path) -> None:
        self.tensors = torch.load(file, map_location="cpu", weights_only=True)

    def keys(self) -> list[str]:
        return list(self.tensors)

    def get_tensor(self, name: str) -> Tensor:
        return self.tensors[name]  # type: ignore[no-any-return]


@contextmanager
def _opened(file: Path) -> Iterator[Any]:
    if file.suffix == ".bin":
        yield _Pickled(file)
        return
    with safe_open(file, framework="pt") as tensors:
        yield tensors


def _file(name: str, file: str) -> Path | None:
    """Returns where a file of a folder or hub id lies, None if there is none."""
    if Path(name).is_dir():
        path = Path(name) / file
        return path if path.is_file() else None
    return hf.hub_file(name, file)


def _part(name: str, file: str) -> Path:
    found = _file(name, file)
    if found is None:
        raise OSError(f"the file {file!r} is missing, which its index names")
    return found
