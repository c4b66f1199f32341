"""The arguments of `score`: questions with their candidates, by name."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from multibin._args import sentence
from multibin.reward._formats import Format, split
from multibin.reward._formats._format import Text
from multibin.reward._formats._texts import is_id, listed, text_or_ids


class Group(NamedTuple):
    """A question and its candidates, with their names in messages."""

    question: Text
    candidates: list[Any]
    question_name: str
    name: str

    def steps(self, format: Format) -> list[tuple[str, list[Text]]]:
        """Returns the name and the steps of each candidate."""
        named = ((f"{self.name}[{at}]", one) for at, one in enumerate(self.candidates))
        return [(name, split(format, candidate, name)) for name, candidate in named]


def as_groups(questions: Any, candidates: Any) -> list[Group]:
    """Returns the questions with their candidates.

    Raises:
        TypeError: a question that is neither text nor ids, or candidates that are no list.
        ValueError: a question without candidates, or another number of questions than of lists.
    """
    if is_single(questions):
        return [as_group(questions, candidates, "questions", "candidates")]
    asked, given = listed(questions), listed(candidates)
    if not isinstance(asked, list):
        raise TypeError(
            sentence("questions", "a text, its token ids, or a list of them", questions)
        )
    if not isinstance(given, list):
        raise TypeError(sentence("candidates", "a list with one list a question", candidates))
    if len(asked) != len(given):
        rule = f"one list for each of {len(asked)} questions"
        raise ValueError(f"candidates must be {rule}, got {len(given)} lists")
    return [
        as_group(question, several, f"questions[{at}]", f"candidates[{at}]")
        for at, (question, several) in enumerate(zip(asked, given, strict=True))
    ]


def as_group(question: Any, candidates: Any, question_name: str, name: str) -> Group:
    """Returns one question with its candidates; a text alone is a list of one.

    Raises:
        TypeError: `question` is neither text nor ids, or `candidates` is no list.
        ValueError: there is no candidate.
    """
    text = text_or_ids(question_name, question)
    found = [candidates] if isinstance(candidates, str) else listed(candidates)
    if not isinstance(found, list):
        raise TypeError(sentence(name, "a list of candidates", candidates))
    if not found:
        raise ValueError(sentence(name, "at least one candidate", candidates))
    return Group(text, found, question_name, name)


def as_pair(name: str, pair: Any) -> tuple[Any, Any]:
    """Returns a question and its candidates.

    Raises:
        TypeError: `pair` is no sequence of two.
    """
    if isinstance(pair, str) or not isinstance(pair, Sequence) or len(pair) != 2:
        raise TypeError(sentence(name, "a question with its candidates", pair))
    return pair[0], pair[1]


def is_single(questions: Any) -> bool:
    """Returns whether `questions` is one question: a text, or token ids."""
    found = listed(questions)
    return isinstance(found, str) or (
        isinstance(found, list) and bool(found) and all(map(is_id, found))
    )


def shaped(questions: Any, candidates: Any, found: Sequence[list[Any]]) -> list[Any]:
    """Returns the scores of each group in the form in which its candidates came."""
    if is_single(questions):
        return found[0]
    given = [isinstance(one, str) for one in candidates]
    return [one[0] if alone else one for alone, one in zip(given, found, strict=True)]
