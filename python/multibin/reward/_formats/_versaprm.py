"""VersaPRM, and the models of its kind: a mark of line breaks behind each step."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from multibin.reward._formats._format import Format, Mark, Piece, Text

MARK, BEHIND_QUESTION = " \n\n\n\n", " \n\n"


def versaprm(labels: tuple[str, str] = ("-", "+"), separator: str = "\n\n") -> Format:
    """Returns the format of VersaPRM (arXiv 2502.06737), and of LlamaPRM800K and QwenPRM800K.

    The text is the question and ``" \\n\\n"``, then each step and ``" \\n\\n\\n\\n"``. The score is
    P(+) among the two labels, at the last token of a step's mark. A mark inside a user's text is
    taken out, as the reference does.

    >>> from multibin.reward._formats import versaprm
    >>> versaprm().labels
    ('-', '+')

    Args:
        labels: the bad label, then the good one.
        separator: parts a candidate that is a string into steps.
    """
    return Format("versaprm", _build, labels=labels, separator=separator)


def _build(_: Any, question: Text, steps: Sequence[Text]) -> list[Piece]:
    pieces: list[Piece] = [cleaned(question), BEHIND_QUESTION]
    for step in steps:
        pieces += [cleaned(step), Mark(MARK)]
    return pieces


def cleaned(text: Text) -> Text:
    """Returns a text without marks and without spaces around it; ids as they are."""
    return text.replace(MARK, "").strip() if isinstance(text, str) else text
