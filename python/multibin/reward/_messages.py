"""Texts of chat messages, for formats that read a question and a candidate."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from multibin._args import sentence

__all__ = ["answer_text", "is_chat", "question_text"]

BETWEEN = "\n\n"
"""Between the messages of one role."""


def is_chat(value: object) -> bool:
    """Returns whether `value` is a list of messages."""
    return isinstance(value, list) and bool(value) and isinstance(value[0], Mapping)


def question_text(name: str, value: Any) -> Any:
    """Returns the question of a chat: what its only user message says. Other values stay.

    A system message says how to answer, and reward models do not read it.

    >>> from multibin.reward._messages import question_text
    >>> question_text("prompt", [{"role": "user", "content": "1 + 1?"}])
    '1 + 1?'

    Raises:
        TypeError: a message has no text.
        ValueError: there is not exactly one user message, or there is one of another role than
            user and system.
    """
    if not is_chat(value):
        return value
    texts = _by_role(name, value)
    users = texts.pop("user", [])
    texts.pop("system", None)
    if len(users) != 1 or texts:
        rule = "a chat with one user message, beside system messages at most"
        raise ValueError(sentence(name, rule, value))
    return users[0]


def answer_text(name: str, value: Any) -> Any:
    """Returns what the assistant says in a chat, messages with a blank line between them.

    Other values stay. Messages of other roles, such as the results of tools, are left out.

    >>> from multibin.reward._messages import answer_text
    >>> answer_text("completion", [{"role": "assistant", "content": "It is 2."}])
    'It is 2.'

    Raises:
        TypeError: a message has no text.
    """
    return BETWEEN.join(_by_role(name, value).get("assistant", [])) if is_chat(value) else value


def _by_role(name: str, messages: Sequence[Any]) -> dict[str, list[str]]:
    texts: dict[str, list[str]] = {}
    for at, message in enumerate(messages):
        if not isinstance(message, Mapping) or not isinstance(message.get("role"), str):
            raise TypeError(sentence(f"{name}[{at}]", "a message with a role", message))
        text = _content(f"{name}[{at}]", message.get("content"))
        if text is not None:
            texts.setdefault(message["role"], []).append(text)
    return texts


def _content(name: str, content: object) -> str | None:
    """Returns the text of a message; None for one with nothing but calls of tools."""
    if content is None or isinstance(content, str):
        return content
    parts = content if isinstance(content, list) else [content]
    texts = [part.get("text") if isinstance(part, Mapping) else None for part in parts]
    if not all(isinstance(text, str) for text in texts):
        raise TypeError(sentence(f"{name}: content", "a text, or a list of text parts", content))
    return "".join(text for text in texts if isinstance(text, str))
