"""What a reward model reads: text in pieces, the ends of its steps, and where a value stands."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias, get_args

import torch
from torch import Tensor

from multibin._args import one_of, sentence


@dataclass(frozen=True)
class Mark:
    """The end of a step. Its value is read at the last token of `text`, or before the first.

    With an empty `text` the value is read at the last token of what stands before.
    """

    text: str = ""


Text: TypeAlias = str | Sequence[int]
"""A text, or its token ids."""


@dataclass(frozen=True)
class Pair:
    """Two texts that the tokenizer joins in its own way, as cross-encoders read them."""

    first: Text
    second: Text


Piece: TypeAlias = Text | Mark | Pair
"""A part of what the model reads."""

Build: TypeAlias = Callable[[Any, Text, Sequence[Text]], Iterable[Piece]]
"""Takes the tokenizer, a question and the steps of a candidate, and returns what is read."""

Head: TypeAlias = Literal["vocabulary", "tokens", "sequence", "value"]
"""What gives the values: the logits of label tokens, a head on each token (token classification), a
head on the whole (sequence classification), or a value head beside a language model."""


def positive_share(logits: Tensor) -> Tensor:
    """Returns the share of the last column in a softmax, [steps] of [steps, columns].

    >>> import torch
    >>> positive_share(torch.tensor([[0.0, 0.0]]))
    tensor([0.5000])
    """
    return torch.softmax(logits, -1)[:, -1]


@dataclass(frozen=True)
class Format:
    """How a reward model reads a question and the steps of a candidate.

    Args:
        name: of messages.
        build: returns the pieces of the text, with a `Mark` behind each step. It cleans or refuses
            markers inside a user's text.
        head: what gives the values.
        labels: tokens whose logits are read, for the head "vocabulary"; the last is the good one.
            For another head they name its columns, whose number must be theirs.
        read: where a value is read: at the last token of a mark, or before its first.
        score: logits [steps, columns], at least float32, to one score a step, [steps].
        separator: parts a candidate that is a string into steps; None: it is one step.
        special_tokens: whether the tokenizer adds its special tokens to the text; a chat template
            has written them.
        is_causal: whether the text behind the last mark can be left out.
        reserved: texts that a question or a step must not hold; special tokens are refused in any
            case.
        reserved_in_steps: texts that a step must not hold, and a question may.
        is_split: whether each piece is encoded alone, as the reference does; else all at once.

    Raises:
        TypeError: `build` or `score` cannot be called.
        ValueError: an unknown `head` or `read`, no labels, or an empty separator.
    """

    name: str
    build: Build
    head: Head = "vocabulary"
    labels: tuple[str, ...] = ("-", "+")
    read: Literal["at", "before"] = "at"
    score: Callable[[Tensor], Tensor] = field(default=positive_share)
    separator: str | None = "\n\n"
    special_tokens: bool = True
    is_causal: bool = True
    reserved: tuple[str, ...] = ()
    reserved_in_steps: tuple[str, ...] = ()
    is_split: bool = False

    def __post_init__(self) -> None:
        """Checks the fields."""
        for name in ("build", "score"):
            if not callable(getattr(self, name)):
                raise TypeError(sentence(name, "a function", getattr(self, name)))
        one_of("head", self.head, get_args(Head))
        one_of("read", self.read, ("at", "before"))
        if not self.labels or isinstance(self.labels, str):
            raise ValueError(sentence("labels", "a tuple of at least one label", self.labels))
        if self.separator == "":
            raise ValueError(sentence("separator", "at least one character, or None", ""))


@dataclass(frozen=True)
class Encoded:
    """The token ids of a candidate behind its question, and where its values are read."""

    ids: list[int]
    ends: list[int]
    """Positions in `ids`, one a step, ascending."""
    types: list[int] | None = None
    """Token types, one an id, where the tokenizer gives them to a pair: `token_type_ids`."""
