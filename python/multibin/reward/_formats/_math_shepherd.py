"""Math-Shepherd and Math-PSA: numbered steps, each with a tag behind it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from multibin.reward._formats._format import Format, Mark, Piece, Text


def math_shepherd(
    labels: tuple[str, str] = ("-", "+"), separator: str = "\n", *, numbered: bool = True
) -> Format:
    """Returns the format of Math-Shepherd (arXiv 2312.08935).

    The text is the question, a space, then ``Step 1: … ки`` and so on, a line each. The score is
    P(+) at the tag ``ки``. A question or step with the tag in it is refused.

    >>> from multibin.reward._formats import math_shepherd
    >>> math_shepherd().reserved
    ('ки',)

    Args:
        labels: the bad label, then the good one.
        separator: parts a candidate that is a string into steps.
        numbered: whether ``Step i: `` is put before a text that does not begin with it.
    """
    return _tagged("math-shepherd", " ки", "\n", labels, separator, numbered)


def math_psa(
    labels: tuple[str, str] = (" -", " +"), separator: str = "\n", *, numbered: bool = True
) -> Format:
    """Returns the format of Math-PSA of OpenR (arXiv 2410.09671): its tag is five line breaks.

    A question or step with the tag in it is refused.

    >>> from multibin.reward._formats import math_psa
    >>> math_psa().labels
    (' -', ' +')

    Args:
        labels: the bad label, then the good one.
        separator: parts a candidate that is a string into steps.
        numbered: whether ``Step i: `` is put before a text that does not begin with it.
    """
    return _tagged("math-psa", " \n\n\n\n\n", " ", labels, separator, numbered)


def _tagged(
    name: str, tag: str, between: str, labels: tuple[str, str], separator: str, numbered: bool
) -> Format:
    def build(_: Any, question: Text, steps: Sequence[Text]) -> list[Piece]:
        pieces: list[Piece] = [question, " "]
        for number, step in enumerate(steps, 1):
            pieces += [between] if number > 1 else []
            pieces += [_numbered(step, number) if numbered else step, Mark(tag)]
        return pieces

    reserved = (tag.lstrip(" "),)
    return Format(name, build, labels=labels, separator=separator, reserved=reserved)


def _numbered(step: Text, number: int) -> Text:
    """Returns a text with its number before it, and without spaces around; ids as they are."""
    if not isinstance(step, str):
        return step
    found = re.match(rf"\s*Step {number}\s*:", step)
    return step.strip() if found else f"Step {number}: {step.strip()}"
