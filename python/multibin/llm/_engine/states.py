"""The state of fixed size of each row, for models with recurrent or convolutional layers."""

from __future__ import annotations

from collections.abc import Sequence

from multibin.llm._engine.decode import OwnDecode
from multibin.llm._engine.prompts import PackedPrompts
from multibin.llm._engine.rows import Row
from multibin.llm._load.hf import joined, row_of
from multibin.llm._load.models import Model


class RowStates:
    """Moves states between rows and the batch that decodes.

    The state of a row is in the batch from `load` on, and in `Row.states` before and afterwards.
    """

    def __init__(self, model: Model, prompts: PackedPrompts, decode: OwnDecode) -> None:
        self._device = model.device
        self._prompts = prompts
        self._decode = decode
        self._rows: list[Row | None] = []
        """The rows of the batch; None: its state there is out of date."""

    def computed(self, row: Row) -> None:
        """Takes the state behind the prompt that has run."""
        self._rows = [None if other is row else other for other in self._rows]
        row.states = row_of(self._prompts.states, 0, self._device)

    def load(self, rows: Sequence[Row]) -> None:
        """Makes the batch of `rows`; the states of rows that leave it go to them."""
        staying = set(rows)
        for index, row in enumerate(self._rows):
            if row is not None and row not in staying:
                self._leave(index, row)
        self._decode.hold(self._batch(rows))
        for row in rows:
            row.states = None
        self._rows = list(rows)

    def _leave(self, index: int, row: Row) -> None:
        if row.slot is not None:
            row.states = row_of(self._decode.states, index, self._device)
        elif row.block is not None:
            row.states = row_of(self._decode.states, index, "cpu")

    def _batch(self, rows: Sequence[Row]) -> dict[int, object]:
        known = {row: index for index, row in enumerate(self._rows) if row is not None}
        parts = [self._decode.states] if known else []
        count = len(self._rows) if known else 0
        order = []
        for row in rows:
            if row in known:
                order.append(known[row])
                continue
            assert row.states is not None
            parts.append(row.states)
            order.append(count)
            count += 1
        return joined(parts, order, self._device)
