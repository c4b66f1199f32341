"""Splits a paragraph into sentences and counts their words."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

CODE = re.compile(r"(?::[\w:]+:)?(`+)[^`]+(?:(?!\1)`+[^`]+)*\1(?!`)")
FILLED = re.compile(r"\{[^{}\n]*\}")
TARGET = re.compile(r"(?<=\])(?:\([^()\s]*(?:\([^()]*\)[^()\s]*)*(?:\s\"[^\"]*\")?\)|\[[^\]]*\])")
LINK = re.compile(r"!?\[[^\[\]]*\]█+")
URL = re.compile(r"https?://[^\s)>\]]*[^\s)>\].,;:]")
ABBREVIATION = re.compile(
    r"(?:\b(?:e\.g|i\.e|vs|et al|cf|etc|approx|resp|ca|Fig|Figs|Eq|Eqs|Sec|Th|Thm|No|pp?|[A-Z])"
    r"|\.\.\.?|…)\.?$"
)
END = re.compile(r"[.!?…]+[\"'”’)\]*_]*(?=\s|$)")
WORD = re.compile(r"\S*[\w█]\S*")
HIDDEN = "█"


@dataclass(frozen=True)
class Sentence:
    """A sentence, where it begins in its paragraph, and its number of words."""

    text: str
    start: int
    words: int


def hide(text: str, *patterns: re.Pattern[str]) -> str:
    """Replaces what the patterns find by one word without spaces; offsets stay."""
    for pattern in patterns:
        text = pattern.sub(lambda found: HIDDEN * len(found[0]), text)
    return text


def spoken(text: str) -> str:
    """Hides code, filled-in values, URLs and link targets; the text of links stays."""
    return hide(text, CODE, TARGET, URL, FILLED)


def sentences(text: str) -> Iterator[Sentence]:
    """Yields the sentences of a paragraph."""
    hidden = hide(spoken(text), LINK)
    start = 0
    for end in [*_ends(hidden), len(text)]:
        words = len(WORD.findall(hidden[start:end]))
        if words:
            begin = start + len(hidden[start:end]) - len(hidden[start:end].lstrip())
            yield Sentence(" ".join(text[begin:end].split()), begin, words)
        start = end


def _ends(hidden: str) -> Iterator[int]:
    """Yields where a sentence ends: after its last sign and what closes with it."""
    for found in END.finditer(hidden):
        following = hidden[found.end() :].lstrip()
        if _is_end(hidden[: found.start() + 1], found[0], following):
            yield found.end()


def _is_end(before: str, sign: str, following: str) -> bool:
    goes_on = following[:1].islower()
    if sign.startswith(("!", "?")) or sign[-1] in ")]\"'”’":
        return not goes_on
    if before.endswith("etc."):
        return not goes_on
    return "..." not in sign and not sign.startswith("…") and not ABBREVIATION.search(before)
