"""Passes over whole sequences, padded on the right: for models without our attention."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from multibin.llm._load import hf
from multibin.llm._load.models import Model
from multibin.reward._formats import Encoded
from multibin.reward._scorer.readout import Readout


class Padded:
    """Runs sequences side by side, each up to its last token."""

    def __init__(self, model: Model, readout: Readout, *, is_causal: bool) -> None:
        self.model = model
        self._readout = readout
        self._is_causal = is_causal
        self._padding = getattr(model.module.config, "pad_token_id", None) or 0

    def __call__(self, rows: Sequence[Encoded]) -> Tensor:
        """Returns the logits at the ends of the rows, [ends of all rows, columns]."""
        width = max(len(row.ids) for row in rows)
        table = torch.full((len(rows), width), self._padding, dtype=torch.int64)
        mask, types = torch.zeros_like(table), torch.zeros_like(table)
        for number, row in enumerate(rows):
            table[number, : len(row.ids)] = torch.as_tensor(row.ids)
            mask[number, : len(row.ids)] = 1
            if row.types is not None:
                types[number, : len(row.ids)] = torch.as_tensor(row.types)
        wanted = [number * width + end for number, row in enumerate(rows) for end in row.ends]
        device = self.model.device
        ids, mask = table.to(device), mask.to(device)
        extra = {} if rows[0].types is None else {"token_type_ids": types.to(device)}
        with self._readout.installed():
            return self._readout(
                lambda: self._feed(ids, mask, extra),
                ids,
                torch.tensor(wanted, dtype=torch.int64).to(device),
            )

    def _feed(self, ids: Tensor, mask: Tensor, extra: dict[str, Tensor]) -> Tensor:
        module = self.model.module
        if self._is_causal:
            return hf.logits_alone(module, ids, mask, **extra)
        # Encoders number positions in their own ways: those of RoBERTa begin behind its padding id.
        return module(input_ids=ids, attention_mask=mask, **extra)[0]  # type: ignore[no-any-return]
