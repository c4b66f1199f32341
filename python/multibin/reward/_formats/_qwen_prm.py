"""Qwen2.5-Math-PRM and ReasonFlux-PRM: a chat, a special token behind each step, two labels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from multibin.reward._formats._chat import Turn, chat_pieces
from multibin.reward._formats._format import Format, Mark, Piece, Text

SYSTEM = "Please reason step by step, and put your final answer within \\boxed{}."


def qwen_prm(
    system: str | None = SYSTEM, *, token: str = "<extra_0>", separator: str = "\n\n"
) -> Format:
    """Returns the format of Qwen2.5-Math-PRM (arXiv 2501.07301).

    The text is a chat of system prompt, question, and the steps with a token behind each. The score
    is the share of the second of two labels that a head gives to that token. A question or step
    with the token in it is refused.

    >>> from multibin.reward._formats import qwen_prm
    >>> qwen_prm().head, qwen_prm().reserved
    ('tokens', ('<extra_0>',))

    Args:
        system: the system prompt, None for a chat without one.
        token: the text of the token behind each step.
        separator: parts a candidate that is a string into steps.
    """

    def build(tokenizer: Any, question: Text, steps: Sequence[Text]) -> list[Piece]:
        answer: list[Piece] = [piece for step in steps for piece in (step, Mark(token))]
        turns: list[Turn] = [] if system is None else [("system", [system])]
        return chat_pieces(tokenizer, [*turns, ("user", [question]), ("assistant", answer)])

    return Format(
        "qwen-prm",
        build,
        head="tokens",
        separator=separator,
        special_tokens=False,
        reserved=(token,),
    )
