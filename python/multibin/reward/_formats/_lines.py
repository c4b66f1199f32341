"""TRL's and Skywork's process reward models: a separator behind each step, encoded alone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from multibin.reward._formats._format import Format, Mark, Piece, Text


def trl(separator: str = "\n", labels: tuple[str, ...] = ("bad", "good")) -> Format:
    """Returns the format of models trained by TRL's PRMTrainer: a head of two labels on tokens.

    Prompt, steps and separators are encoded one by one behind the token that begins a text. The
    score is the share of the last label at the last token of a separator. A separator inside a
    step stays there, as in training.

    >>> from multibin.reward._formats import trl
    >>> trl().head, trl().is_split
    ('tokens', True)

    Args:
        separator: behind each step; it parts a candidate that is a string.
        labels: names of the head's columns; the last is the good one.
    """

    def build(tokenizer: Any, question: Text, steps: Sequence[Text]) -> list[Piece]:
        marked: list[Piece] = [piece for step in steps for piece in (step, Mark(separator))]
        return [*_beginning(tokenizer, question), question, *marked]

    return Format(
        "trl",
        build,
        head="tokens",
        labels=labels,
        separator=separator,
        special_tokens=False,
        is_split=True,
    )


def skywork(separator: str = "\n") -> Format:
    """Returns the format of Skywork-o1-Open-PRM: a value head read at line breaks.

    The question and a line break, then each step and the separator are encoded one by one. The
    score is the sigmoid of the value at the separator. A step with a separator inside is refused.

    >>> from multibin.reward._formats import skywork
    >>> skywork().head
    'value'

    Args:
        separator: behind each step; it parts a candidate that is a string.
    """

    def build(tokenizer: Any, question: Text, steps: Sequence[Text]) -> list[Piece]:
        pieces = _beginning(tokenizer, question)
        pieces += [f"{question}\n"] if isinstance(question, str) else [question, "\n"]
        for step in steps:
            pieces += [step, Mark(separator)]
        return pieces

    return Format(
        "skywork",
        build,
        head="value",
        labels=("value",),
        score=_sigmoid,
        separator=separator,
        special_tokens=False,
        reserved_in_steps=(separator,),
        is_split=True,
    )


def _beginning(tokenizer: Any, question: Text) -> list[Piece]:
    """Returns the token that begins a text, if there is one and ids do not begin with it."""
    bos = getattr(tokenizer, "bos_token_id", None)
    begun = not isinstance(question, str) and list(question[:1]) == [bos]
    return [] if bos is None or begun else [[bos]]


def _sigmoid(logits: Tensor) -> Tensor:
    return torch.sigmoid(logits[:, -1])
