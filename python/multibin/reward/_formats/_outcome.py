"""Outcome reward models: a sequence classifier gives a whole candidate one score."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from multibin.reward._formats._chat import Turn, chat_pieces, has_template
from multibin.reward._formats._format import Format, Mark, Pair, Piece, Text


def outcome(*, chat: bool | None = None, sigmoid: bool = False) -> Format:
    """Returns the format of a sequence classifier with one column: one score a candidate.

    The text is a chat of question and candidate, without a prompt behind it, or the pair of both as
    the tokenizer joins them. The score is the logit, which has no bounds.

    >>> from multibin.reward._formats import outcome
    >>> outcome().head
    'sequence'

    Args:
        chat: whether the text is a chat; None: where the tokenizer has a chat template.
        sigmoid: whether the score is the sigmoid of the logit, between 0 and 1.
    """

    def build(tokenizer: Any, question: Text, steps: Sequence[Text]) -> list[Piece]:
        if has_template(tokenizer) if chat is None else chat:
            turns: list[Turn] = [("user", [question]), ("assistant", [*steps, Mark()])]
            return chat_pieces(tokenizer, turns)
        return [Pair(question, steps[0]), Mark()]

    return Format(
        "outcome",
        build,
        head="sequence",
        labels=("score",),
        score=_sigmoid if sigmoid else _logit,
        separator=None,
        special_tokens=False,
        is_causal=False,
    )


def _logit(logits: Tensor) -> Tensor:
    return logits[:, -1]


def _sigmoid(logits: Tensor) -> Tensor:
    return torch.sigmoid(logits[:, -1])
