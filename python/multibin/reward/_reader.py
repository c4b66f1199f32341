"""What a format makes of texts, and what it says of logits, checked."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray

from multibin._args import sentence
from multibin.reward._arguments import Group
from multibin.reward._formats import Encoded, Format, encode

Scores: TypeAlias = NDArray[np.floating]
"""One score a step, [steps]."""


@dataclass(frozen=True)
class Row:
    """A candidate: its name in messages and its tokens."""

    name: str
    encoded: Encoded


@dataclass(frozen=True)
class Reader:
    """Makes tokens of candidates and scores of logits, for one model."""

    format: Format
    tokenizer: Any
    context: int
    vocabulary: int

    def rows(self, group: Group) -> list[Row]:
        """Returns the candidates of a question as tokens.

        Raises:
            TypeError: a candidate that is neither text, steps nor ids.
            ValueError: a blank step, an id outside the vocabulary, or more tokens than the context.
        """
        return [
            Row(name, self._encoded(name, group, steps)) for name, steps in group.steps(self.format)
        ]

    def _encoded(self, name: str, group: Group, steps: list[Any]) -> Encoded:
        try:
            found = encode(self.format, self.tokenizer, group.question, steps, name)
        except ValueError as error:
            if str(error).startswith("question "):
                raise ValueError(
                    group.question_name + str(error).removeprefix("question")
                ) from None
            raise
        if len(found.ids) > self.context:
            rule = f"at most {self.context} tokens with its question, as the context of the model"
            raise ValueError(f"{name} must have {rule}, got {len(found.ids)}")
        if max(found.ids) >= self.vocabulary:
            rule = f"token ids below {self.vocabulary}, the vocabulary of the model"
            raise ValueError(sentence(name, rule, max(found.ids)))
        return found

    def scores(self, row: Row, logits: NDArray[np.floating]) -> Scores:
        """Returns the scores of a candidate from its logits, [steps, columns].

        Raises:
            ValueError: logits that are not finite, or scores that are not one a step.
        """
        bad = np.flatnonzero(~np.isfinite(logits).all(1))
        if len(bad):
            values = logits[bad[0]].tolist()
            raise ValueError(sentence(f"{row.name}: the logits of step {bad[0]}", "finite", values))
        found = torch.as_tensor(self.format.score(torch.from_numpy(logits)))
        if found.shape != (len(logits),):
            raise ValueError(
                f"format {self.format.name!r} must score each of {len(logits)} steps, "
                f"got shape {list(found.shape)}"
            )
        scores: Scores = found.detach().cpu().numpy()
        bad = np.flatnonzero(np.isnan(scores))
        if len(bad):
            raise ValueError(sentence(f"{row.name}: the score of step {bad[0]}", "a number", "nan"))
        return scores
