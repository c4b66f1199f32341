"""Equal questions, whose candidates are computed together."""

from __future__ import annotations

from collections.abc import Sequence

from multibin.reward._formats._format import Text

__all__ = ["by_question"]


def by_question(questions: Sequence[Text]) -> list[list[int]]:
    """Returns the places of each question, in the order in which the questions appear first.

    >>> from multibin.reward._questions import by_question
    >>> by_question(["a", "b", "a", [1, 2], [1, 2]])
    [[0, 2], [1], [3, 4]]
    """
    places: dict[object, list[int]] = {}
    for at, question in enumerate(questions):
        key = question if isinstance(question, str) else tuple(question)
        places.setdefault(key, []).append(at)
    return [*places.values()]
