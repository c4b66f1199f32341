"""The steps of a candidate: parts of its text, or what the caller has parted."""

from __future__ import annotations

from multibin._args import sentence
from multibin.reward._formats._format import Format, Text
from multibin.reward._formats._texts import is_id, listed, text_or_ids

JOINT = "\n\n"
"""Between the steps of a candidate for a format that reads it whole."""


def split(format: Format, candidate: object, name: str = "candidate") -> list[Text]:
    """Returns the steps of a candidate, each a str or a list of ids.

    A str is parted at the format's separator; line breaks of Windows count as those in it. Blank
    parts are dropped, and line breaks around the others. A flat sequence of ids is one step. A
    sequence of texts or ids is the steps themselves.
    A format without a separator reads the candidate whole: its steps are joined, texts with a blank
    line between them.

    >>> from multibin.reward._formats import format_of, split
    >>> split(format_of("versaprm"), "1 + 1 = 2\\n\\nSo 2.\\n")
    ['1 + 1 = 2', 'So 2.']
    >>> split(format_of("outcome"), ["1 + 1 = 2", "So 2."])
    ['1 + 1 = 2\\n\\nSo 2.']

    Raises:
        TypeError: `candidate` or a step is neither text nor ids.
        ValueError: there is no step, or texts and ids would have to be joined.
    """
    steps = _steps(format, candidate, name)
    if not steps:
        raise ValueError(sentence(name, "at least one step", candidate))
    return steps if format.separator is not None else [_joined(steps, name)]


def _steps(format: Format, candidate: object, name: str) -> list[Text]:
    if isinstance(candidate, str):
        return list(_parts(candidate, format.separator))
    found = listed(candidate)
    if not isinstance(found, list):
        raise TypeError(sentence(name, "a text, steps or token ids", candidate))
    if found and all(map(is_id, found)):
        return [text_or_ids(name, found)]
    return [text_or_ids(f"{name}[{at}]", step) for at, step in enumerate(found)]


def _parts(text: str, separator: str | None) -> list[str]:
    if separator is not None and "\n" in separator:
        text = text.replace("\r\n", "\n")
    parts = [text] if separator is None else text.split(separator)
    return [part.strip("\r\n") for part in parts if part.strip()]


def _joined(steps: list[Text], name: str) -> Text:
    if len(steps) == 1:
        return steps[0]
    texts = [step for step in steps if isinstance(step, str)]
    if len(texts) == len(steps):
        return JOINT.join(texts)
    if texts:
        raise ValueError(sentence(name, "steps that are all texts or all ids", steps))
    return [number for step in steps for number in step if not isinstance(number, str)]
