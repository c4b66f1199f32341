"""Verdicts: a causal language model is asked whether a candidate is right, and says yes or no."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from torch import Tensor

from multibin._args import sentence
from multibin.reward._formats._chat import chat_pieces
from multibin.reward._formats._format import Format, Mark, Piece, Text, positive_share

TEMPLATE = "Question: {question}\n\nAnswer: {answer}\n\nIs the answer correct (Yes or No)?"

FIELD = re.compile(r"\{(question|answer)\}")


def verdict(
    template: str = TEMPLATE,
    labels: tuple[str, str] | None = None,
    *,
    chat: bool = False,
    logit: bool = False,
    special_tokens: bool = True,
) -> Format:
    """Returns the format of a causal language model that judges a candidate by one token.

    The score is P(yes) among the two labels behind the text, as in generative verifiers, or the
    difference of their logits, as in rerankers. A question or answer with a special token in it is
    refused; the template may have some.

    >>> from multibin.reward._formats import verdict
    >>> verdict().labels, verdict(chat=True).labels
    ((' No', ' Yes'), ('No', 'Yes'))

    Args:
        template: of the text, with the fields ``{question}`` and ``{answer}``, each once.
        labels: the bad label, then the good one; None: No and Yes, with a space before them unless
            they begin the turn of a chat.
        chat: whether the text is the user's turn of a chat, and the label begins the assistant's.
        logit: whether the score is logit(yes) - logit(no), without bounds, and not P(yes).
        special_tokens: whether the tokenizer adds its special tokens to a text that is no chat.

    Raises:
        ValueError: `template` lacks a field or has it twice.
    """
    parts = FIELD.split(template)
    if sorted(parts[1::2]) != ["answer", "question"]:
        rule = "a text with {question} and {answer}, each once"
        raise ValueError(sentence("template", rule, template))

    def build(tokenizer: Any, question: Text, steps: Sequence[Text]) -> list[Piece]:
        pieces = _filled(parts, {"question": question, "answer": steps[0]})
        if not chat:
            return [*pieces, Mark()]
        return [*chat_pieces(tokenizer, [("user", pieces)], add_generation_prompt=True), Mark()]

    return Format(
        "verdict",
        build,
        labels=labels or (("No", "Yes") if chat else (" No", " Yes")),
        score=_difference if logit else positive_share,
        separator=None,
        special_tokens=special_tokens and not chat,
    )


def _filled(parts: Sequence[str], texts: dict[str, Text]) -> list[Piece]:
    """Returns the parts of a template, with texts in place of the names at odd places."""
    found = [texts[part] if at % 2 else part for at, part in enumerate(parts)]
    return [part for part in found if part]


def _difference(logits: Tensor) -> Tensor:
    return logits[:, -1] - logits[:, 0]
