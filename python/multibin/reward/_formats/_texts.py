"""Checks of a question and the steps of a candidate, before a format builds its text."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from numbers import Integral
from typing import Any

from multibin._args import sentence
from multibin.reward._formats._format import Format, Text


def checked(
    format: Format, tokenizer: Any, question: object, steps: object, name: str
) -> tuple[Text, list[Text]]:
    """Returns question and steps, each a str or a list of ids.

    Raises:
        TypeError: a text that is neither.
        ValueError: no steps, a blank text, or one that holds a reserved text or a special token.
    """
    refused = (*format.reserved, *special_tokens(tokenizer))
    text = _checked("question", question, refused)
    refused = (*refused, *format.reserved_in_steps)
    listed_steps = enumerate(_steps(name, steps))
    return text, [_checked(f"{name}[{at}]", step, refused) for at, step in listed_steps]


def text_or_ids(name: str, value: object) -> Text:
    """Returns a str, or ids as a list of ints.

    Raises:
        TypeError: anything else.
        ValueError: a negative id.
    """
    if isinstance(value, str):
        return value
    ids = listed(value)
    if not isinstance(ids, list) or not all(is_id(number) for number in ids):
        raise TypeError(sentence(name, "a text or its token ids", value))
    for at, number in enumerate(ids):
        if number < 0:
            raise ValueError(sentence(f"{name}[{at}]", "at least 0", int(number)))
    return [int(number) for number in ids]


def listed(value: object) -> object:
    """Returns a sequence, array or tensor as a list; anything else as it is."""
    if hasattr(value, "tolist") and not isinstance(value, memoryview):
        return value.tolist()
    if isinstance(value, str | bytes | bytearray | memoryview):
        return value
    return list(value) if isinstance(value, Sequence) else value


def is_id(value: object) -> bool:
    """Returns whether `value` can be a token id; a bool is none."""
    return isinstance(value, Integral) and not isinstance(value, bool)


def special_tokens(tokenizer: Any) -> list[str]:
    """Returns the texts that a tokenizer of transformers turns into special tokens."""
    added = getattr(tokenizer, "added_tokens_decoder", None) or {}
    return [token.content for token in added.values() if token.special]


def _steps(name: str, steps: object) -> list[object]:
    found = listed(steps)
    if not isinstance(found, list):
        raise TypeError(sentence(name, "a list of steps", steps))
    if not found:
        raise ValueError(sentence(name, "at least one step", steps))
    return found


def _checked(name: str, value: object, refused: Iterable[str]) -> Text:
    text = text_or_ids(name, value)
    if not isinstance(text, str):
        if not text:
            raise ValueError(sentence(name, "at least one token id", value))
        return text
    if not text.isascii() and any("\ud800" <= one <= "\udfff" for one in text):
        raise ValueError(sentence(name, "text without lone surrogates", text))
    if not text.strip():
        raise ValueError(sentence(name, "a text that is not blank", text))
    for marker in refused:
        if marker in text:
            raise ValueError(sentence(name, f"a text without {marker!r}", text))
    return text
