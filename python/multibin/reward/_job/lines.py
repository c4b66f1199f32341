"""Lines of a job's input: each is a question with its candidates."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from multibin._args import sentence, shown
from multibin.llm._jobs.lines import json_object
from multibin.reward._messages import answer_text, question_text

__all__ = ["Task", "kept", "parse"]

QUESTIONS = ("question", "prompt", "problem")
CANDIDATES = ("candidates", "completion", "completions", "steps")
"""Several candidates; one; and the steps of one, under two names."""

WRITTEN = ("line", "scores", "aggregate", "choice", "error")
"""Fields of an answer, which a field of its line cannot have."""


@dataclass(frozen=True)
class Task:
    """The candidates of one line."""

    question: Any
    candidates: list[Any]
    kept: dict[str, Any]
    """Other fields of the line, which its answer has too."""


def parse(line: bytes) -> Task:
    """Returns the question and the candidates of a line.

    >>> from multibin.reward._job.lines import parse
    >>> parse(b'{"problem": "1 + 1?", "steps": ["It is 2."], "label": -1}')
    Task(question='1 + 1?', candidates=[['It is 2.']], kept={'label': -1})

    Raises:
        TypeError, ValueError: the line has no question or no candidate. The message names the
            field.
    """
    fields = json_object(line)
    asked, given = _only(fields, QUESTIONS), _only(fields, CANDIDATES)
    question = question_text(asked, fields[asked])
    return Task(question, _candidates(given, fields[given]), kept(fields))


def kept(fields: dict[str, Any]) -> dict[str, Any]:
    """Returns the fields of a line that its answer has too."""
    read = (*QUESTIONS, *CANDIDATES, *WRITTEN)
    return {name: value for name, value in fields.items() if name not in read}


def _only(fields: dict[str, Any], names: tuple[str, ...]) -> str:
    given = [name for name in names if fields.get(name) is not None]
    if len(given) != 1:
        empty = {name: None for name in names if name in fields}
        got = shown(given or empty or [*fields])
        raise ValueError(
            f"the line must have exactly one of the fields {', '.join(names)}, got {got}"
        )
    return given[0]


def _candidates(name: str, value: Any) -> list[Any]:
    if name == "completion":
        return [answer_text(name, value)]
    if not isinstance(value, list):
        rule = "a list of candidates" if name == "candidates" else "a list of steps"
        raise TypeError(sentence(name, rule, value))
    if name == "candidates":
        return [answer_text(f"{name}[{at}]", one) for at, one in enumerate(value)]
    # The steps of one candidate: a list of ids would be read as one step.
    for at, step in enumerate(value):
        if not isinstance(step, str | list):
            raise TypeError(sentence(f"{name}[{at}]", "a text or its token ids", step))
    return [value]
