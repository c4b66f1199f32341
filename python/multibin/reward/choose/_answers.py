r"""Finds the answer in the text of a candidate.

The defaults know three ways to end a solution: ``\boxed{…}``, "the answer is …" and ``#### …``.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Hashable, Iterator, Sequence
from itertools import chain

from multibin import _args

__all__ = ["answers", "clean_answer", "extract_answer"]

BOXED = re.compile(r"\\f?boxed\s*\{")
BRACE = re.compile(r"[{}]")
PHRASE = re.compile(r"answer\s+is\b\s*:?\s*|^####[ \t]*", re.IGNORECASE | re.MULTILINE)
LINE = re.compile(r"[^\n]*")
OPTION = re.compile(r"[*\s]*\(\s*([A-Za-z])\s*\)")
SENTENCE_END = re.compile(r"\.(?=\s|$|\*)")
THOUSANDS = re.compile(r"[-+]?\d{1,3}(?:,\d{3})+(?:\.\d+)?")
WRAPPED = (
    re.compile(r"\\(?:text|textbf|mathrm|mathbf)\s*\{([^{}]*)\}"),
    re.compile(r"\\\((.*)\\\)"),
    re.compile(r"\\\[(.*)\\\]"),
    re.compile(r"\(\s*([A-Za-z])\s*\)"),
)
AROUND = " \t\r\n*`"


def extract_answer(text: str) -> str | None:
    r"""Returns the answer that a text ends with, cleaned by `clean_answer`; None if it has none.

    The last ``\boxed{…}`` counts, braces inside it included. Without one, the last of "the answer
    is …" and a line ``#### …`` counts, in any case. "The answer is …" ends at a line's end or at a
    period before a blank. An option in parentheses ends it too: "(B) because …" is ``B``. What is
    empty, or a box that is never closed, does not count.

    Raises:
        TypeError: ``text`` is no string.

    >>> from multibin.reward.choose import extract_answer
    >>> extract_answer(r"So it is \boxed{\frac{1}{2}}."), extract_answer("#### 1,250")
    ('\\frac{1}{2}', '1250')
    >>> extract_answer("Thus the answer is (B).\n"), extract_answer("I do not know.")
    ('B', None)
    """
    if not isinstance(text, str):
        raise TypeError(_args.sentence("text", "a str", text))
    found = map(clean_answer, chain(_boxed(text), _phrases(text)))
    return next(filter(None, found), None)


def clean_answer(text: str) -> str:
    r"""Returns an answer in the form in which answers are compared.

    These are taken away: blanks, ``*`` and backquotes around it, a period at its end, and ``$``
    around it or before it. So are ``\( \)``, ``\[ \]``, ``\text{ }`` and its like, parentheses
    around one letter, and commas between the thousands of a number. Runs of blanks become one.
    Case stays, and ``0.50`` stays different from ``.5``.

    >>> from multibin.reward.choose import clean_answer
    >>> [clean_answer(text) for text in [" $1,250$. ", r"\text{(C)}", "**two  words**"]]
    ['1250', 'C', 'two words']
    """
    before = None
    while text != before:
        before, text = text, _stripped(text)
    text = " ".join(text.split())
    return text.replace(",", "") if THOUSANDS.fullmatch(text) else text


def answers(
    texts: Sequence[str | Sequence[str]],
    extract: Callable[[str], Hashable | None] = extract_answer,
) -> list[Hashable | None]:
    """Returns the answer of each candidate of a question; None where it has none.

    Args:
        texts: the candidates. One that is a list of steps is joined by blank lines.
        extract: takes a candidate's text and returns its answer, or None.

    Raises:
        TypeError: a candidate is no text, or ``extract`` returns what cannot be hashed.

    >>> from multibin.reward.choose import answers
    >>> answers(["2 + 2 = 4\\n#### 4", ["2 + 2 = 5", "The answer is 5."], "hm"])
    ['4', '5', None]
    >>> answers(["yes it is"], extract=lambda text: text.split()[0])
    ['yes']
    """
    if isinstance(texts, str):
        raise TypeError(_args.sentence("texts", "a sequence of candidates", texts))
    return [hashable(f"answers[{i}]", extract(_joined(i, text))) for i, text in enumerate(texts)]


def hashable(name: str, answer: Hashable | None) -> Hashable | None:
    """Returns ``answer``, or raises a ``TypeError`` if it cannot be hashed."""
    try:
        hash(answer)
    except TypeError:
        raise TypeError(_args.sentence(name, "hashable", answer)) from None
    return answer


def _boxed(text: str) -> Iterator[str]:
    """Yields what stands in each closed box, the last box first."""
    closes: dict[int, int] = {}
    opened: list[int] = []
    for brace in BRACE.finditer(text):
        if brace[0] == "{":
            opened.append(brace.end())
        elif opened:
            closes[opened.pop()] = brace.start()
    for box in reversed([*BOXED.finditer(text)]):
        if box.end() in closes:
            yield text[box.end() : closes[box.end()]]


def _phrases(text: str) -> Iterator[str]:
    """Yields what stands behind each phrase in its line, the last phrase first."""
    for phrase in reversed([*PHRASE.finditer(text)]):
        line = LINE.match(text, phrase.end())
        said = line[0] if line else ""
        option = OPTION.match(said)
        if phrase[0].startswith("#"):
            yield said
        else:
            yield option[1] if option else SENTENCE_END.split(said, maxsplit=1)[0]


def _stripped(text: str) -> str:
    """Returns ``text`` without one layer of what surrounds it."""
    text = text.strip(AROUND).removesuffix(".").removeprefix("\\$").removesuffix("\\$")
    text = text.removeprefix("$").removesuffix("$").strip(AROUND)
    for wrapped in WRAPPED:
        if found := wrapped.fullmatch(text):
            text = found[1]
    return text


def _joined(i: int, text: str | Sequence[str]) -> str:
    if isinstance(text, str):
        return text
    if not isinstance(text, Sequence) or not all(isinstance(step, str) for step in text):
        raise TypeError(_args.sentence(f"texts[{i}]", "a str or a list of steps", text))
    return "\n\n".join(text)
