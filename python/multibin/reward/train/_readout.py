"""The logits that are trained: two columns at the ends of steps, nothing else is projected."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from inspect import signature
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from multibin._args import sentence
from multibin.llm._load import hf
from multibin.reward._formats import Format, columns
from multibin.reward._scorer.readout import at_least_float32, project_columns
from multibin.reward.train._rows import Row

__all__ = ["Readout", "fitting", "readout_of"]

CLASSES = 2
"""A step is bad or good."""


@dataclass(frozen=True)
class Readout:
    """Computes the logits of rows at their labelled steps, in at least float32."""

    model: Any
    head: nn.Module | None
    """The output embeddings, or None where the model has a head on each token."""
    columns: list[int]
    """Of the head, the bad one first."""
    pad: int
    autocast: torch.dtype | None
    options: dict[str, Any]
    """Further arguments of the model's `forward`."""

    def logits(self, rows: Sequence[Row]) -> tuple[Tensor, Tensor]:
        """Returns logits [labels, 2] and classes [labels] of all labelled steps of `rows`."""
        device = hf.device(self.model)
        width = max(len(row.ids) for row in rows)
        ids, mask = _padded(rows, width, self.pad)
        flat = np.concatenate([row.ends + place * width for place, row in enumerate(rows)])
        wanted = torch.from_numpy(flat).to(device)
        classes = torch.from_numpy(np.concatenate([row.labels for row in rows])).to(device)
        with self._precision(device), self._narrowed(wanted):
            output = self.model(
                input_ids=ids.to(device), attention_mask=mask.to(device), **self.options
            )
        found = output.logits if hasattr(output, "logits") else output[0]
        if self.head is None:
            found = found.flatten(0, 1)[wanted]
        return at_least_float32(found.reshape(len(wanted), -1)), classes

    def _precision(self, device: torch.device) -> Any:
        if self.autocast is None:
            return nullcontext()
        return torch.autocast(device.type, self.autocast)

    @contextmanager
    def _narrowed(self, wanted: Tensor) -> Iterator[None]:
        """Makes the head project the wanted positions to its columns alone.

        What a model does to its logits afterwards, such as a cap or a scale, stays.
        """
        if self.head is None:
            yield
            return
        whole, own = self.head.forward, vars(self.head).get("forward")

        def narrow(states: Tensor) -> Tensor:
            states = states.flatten(0, 1)[wanted][None]
            if type(self.head) is not nn.Linear:
                return whole(states)[..., self.columns]  # type: ignore[no-any-return]
            return project_columns(self.head, states, self.columns)

        self.head.forward = narrow
        try:
            yield
        finally:
            del self.head.forward
            if own is not None:
                self.head.forward = own


def fitting(model: Any, format: Format, tokenizer: Any) -> list[int]:
    """Returns the columns of the head whose logits are trained, the bad one first.

    Raises:
        ValueError: the format is read from another head, or the model lacks it.
    """
    if format.head not in ("vocabulary", "tokens"):
        rule = "one that reads label tokens or a head on each token"
        raise ValueError(sentence("format", rule, f"{format.name}: {format.head}"))
    name = type(model).__name__
    if format.head == "vocabulary" and hf.output_head(model) is None:
        raise ValueError(sentence("model", f"a causal language model for {format.name}", name))
    if format.head == "tokens":
        count = getattr(model.config, "num_labels", None)
        if count != CLASSES:
            rule = f"one that classifies tokens into {CLASSES} labels for {format.name}"
            raise ValueError(sentence("model", rule, f"{name} with {count}"))
    found = columns(format, tokenizer)
    if len(found) != CLASSES:
        raise ValueError(sentence("format", f"one with {CLASSES} labels", format.labels))
    return found


def readout_of(model: Any, format: Format, columns: list[int], autocast: str | None) -> Readout:
    """Returns how the logits of `columns` are read from `model`."""
    pad = getattr(model.config, "pad_token_id", None)
    pad = pad if isinstance(pad, int) and pad >= 0 else 0
    head = hf.output_head(model) if format.head == "vocabulary" else None
    inner = model.get_base_model() if hasattr(model, "get_base_model") else model
    options = {"use_cache": False} if "use_cache" in signature(inner.forward).parameters else {}
    precision = None if autocast is None else torch.bfloat16
    return Readout(model, head, columns, pad, precision, options)


def _padded(rows: Sequence[Row], width: int, pad: int) -> tuple[Tensor, Tensor]:
    """Returns ids and mask, [rows, width], padded on the right."""
    ids = torch.full((len(rows), width), pad, dtype=torch.int64)
    mask = torch.zeros_like(ids)
    for place, row in enumerate(rows):
        ids[place, : len(row.ids)] = torch.from_numpy(row.ids)
        mask[place, : len(row.ids)] = 1
    return ids, mask
