"""What a reward model is trained on: a question, the steps of an answer, a label for each step."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from multibin._args import sentence
from multibin.reward._formats._format import Text

__all__ = ["Example", "check_examples"]


@dataclass(frozen=True)
class Example:
    """Holds a question, the steps of one candidate answer, and a label for each step.

    >>> Example("2 + 2?", ["2 + 2 = 5", "The answer is 5"], [False, None]).labels
    (False, None)

    Args:
        question: a string or token ids.
        steps: strings or token ids, at least one, none empty.
        labels: True for a good step, False for a bad one, None for a step that is read but not
            trained on.

    Raises:
        TypeError: a field of another type.
        ValueError: an empty step, no step, or another number of labels than of steps.
    """

    question: Text
    steps: Sequence[Text]
    labels: Sequence[bool | None]

    def __post_init__(self) -> None:
        _check_text("question", self.question)
        object.__setattr__(self, "steps", _several("steps", self.steps))
        object.__setattr__(self, "labels", _several("labels", self.labels))
        for place, step in enumerate(self.steps):
            _check_step(f"steps[{place}]", step)
        for place, label in enumerate(self.labels):
            if not isinstance(label, bool | None):
                raise TypeError(sentence(f"labels[{place}]", "True, False or None", label))
        if len(self.labels) != len(self.steps):
            raise ValueError(
                f"labels must have one entry a step, got {len(self.labels)} labels "
                f"for {len(self.steps)} steps"
            )

    def until_first_error(self) -> Example:
        """Returns the example without the steps behind the first bad one.

        >>> Example("q", ["a", "b", "c"], [True, False, True]).until_first_error().steps
        ('a', 'b')
        """
        if False not in self.labels:
            return self
        kept = list(self.labels).index(False) + 1
        return replace(self, steps=self.steps[:kept], labels=self.labels[:kept])

    def outcome(self) -> Example:
        """Returns the example with the label of its last step alone.

        >>> Example("q", ["a", "b"], [True, False]).outcome().labels
        (None, False)
        """
        return replace(self, labels=(*[None] * (len(self.steps) - 1), self.labels[-1]))


def check_examples(name: str, examples: object) -> list[Example]:
    """Returns the examples as a list.

    Raises:
        TypeError: something else than examples.
        ValueError: there is none.
    """
    if isinstance(examples, str | bytes | Example) or not hasattr(examples, "__iter__"):
        raise TypeError(sentence(name, "a list of Example", examples))
    found = list(examples)
    for place, example in enumerate(found):
        if not isinstance(example, Example):
            raise TypeError(sentence(f"{name}[{place}]", "an Example", example))
    if not found:
        raise ValueError(sentence(name, "at least one Example", found))
    return found


def _several(name: str, value: object) -> tuple[object, ...]:
    if isinstance(value, str | bytes) or not isinstance(value, Sequence):
        raise TypeError(sentence(name, "a sequence", value))
    if not value:
        raise ValueError(sentence(name, "at least one", value))
    return tuple(value)


def _check_text(name: str, value: object) -> None:
    if isinstance(value, str):
        return
    if not isinstance(value, Sequence) or not all(type(token) is int for token in value):
        raise TypeError(sentence(name, "a string or token ids", value))


def _check_step(name: str, step: Text) -> None:
    _check_text(name, step)
    if not (step.strip() if isinstance(step, str) else step):
        raise ValueError(sentence(name, "a step that is not empty", step))
