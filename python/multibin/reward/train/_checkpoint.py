"""The file from which a run continues where it ended."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from multibin._args import sentence

__all__ = ["Store", "copied", "restore", "store_of"]

NAME = "training.pt"
HISTORY = "history.json"


@dataclass(frozen=True)
class Store:
    """Writes and reads the state of one run; `identity` says which run that is."""

    folder: Path
    identity: dict[str, Any]

    @property
    def path(self) -> Path:
        """The file of the state."""
        return self.folder / NAME

    def save(self, state: dict[str, Any], history: str) -> None:
        """Writes the state and the history; a crash leaves the files before or after it."""
        part = self.path.with_suffix(".part")
        torch.save({**state, "identity": self.identity}, part)
        os.replace(part, self.path)
        (self.folder / HISTORY).write_text(history, encoding="utf-8")

    def load(self) -> dict[str, Any] | None:
        """Returns the state of the run, None where there is none yet.

        Raises:
            ValueError: the file is damaged, or of a run with other settings, data or model.
        """
        if not self.path.exists():
            return None
        try:
            state = torch.load(self.path, map_location="cpu", weights_only=True)
            identity = state.pop("identity")
        except Exception as error:
            reason = _reason(self.path, error)
            raise ValueError(f"{self.path} must be a checkpoint of training: {reason}") from None
        if changed := sorted(_different(self.identity, identity)):
            rule = f"one without a run that differs in {', '.join(changed)}"
            raise ValueError(sentence("folder", rule, str(self.folder)))
        return state  # type: ignore[no-any-return]


def store_of(folder: str | Path, identity: dict[str, Any]) -> Store:
    """Returns the store in a folder, which is made if it is missing."""
    path = Path(folder)
    try:
        path.mkdir(parents=True, exist_ok=True)
    except FileExistsError:
        raise ValueError(sentence("folder", "a folder", str(folder))) from None
    return Store(path, identity)


def copied(model: nn.Module) -> dict[str, Tensor]:
    """Returns copies of the trained weights, on the CPU."""
    return {name: weight.detach().cpu().clone() for name, weight in _trained(model).items()}


def restore(model: nn.Module, weights: dict[str, Tensor]) -> None:
    """Writes copied weights back into the model."""
    with torch.no_grad():
        for name, weight in _trained(model).items():
            weight.copy_(weights[name])


def _trained(model: nn.Module) -> dict[str, nn.Parameter]:
    return {name: each for name, each in model.named_parameters() if each.requires_grad}


def _reason(path: Path, error: Exception) -> str:
    """Returns in one line why a file is no checkpoint; some errors have no text."""
    if path.is_file() and not path.stat().st_size:
        return "the file is empty"
    if isinstance(error, KeyError):
        return f"it lacks {error}"
    return str(error).partition("\n")[0] or type(error).__name__


def _different(ours: dict[str, Any], theirs: dict[str, Any]) -> set[str]:
    return {name for name in ours.keys() | theirs.keys() if ours.get(name) != theirs.get(name)}
