"""Chat templates, cut at the contents of the messages, so that each piece is known."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, TypeAlias

from multibin.llm._load.failures import first_line
from multibin.reward._formats._format import Piece

Turn: TypeAlias = tuple[str, Sequence[Piece]]
"""The role of a message, and the pieces of its content."""

EDGE = "\u2003"
"""A space around each content, which shows whether the template takes spaces away."""

PLACE = re.compile(f"({EDGE}?)\ue000([0-9]+)\ue001({EDGE}?)")
"""What stands for a content while the template is rendered."""

RULE = "tokenizer must have a chat template"


def chat_pieces(
    tokenizer: Any, turns: Sequence[Turn], *, add_generation_prompt: bool = False
) -> list[Piece]:
    """Returns the pieces of a chat as the tokenizer's template writes it.

    Where the template takes the spaces around a content away, so are those of its texts.

    Raises:
        ValueError: the tokenizer has no template, or its template refuses the roles, or does not
            write each message once and in order.
    """
    parts = PLACE.split(_rendered(tokenizer, turns, add_generation_prompt))
    if parts[2::4] != [str(at) for at in range(len(turns))]:
        raise ValueError(f"{RULE} that writes each message once, got another for {_roles(turns)}")
    pieces: list[Piece] = []
    for at, text in enumerate(parts[::4]):
        pieces += [text] if text else []
        if at < len(turns):
            before, after = parts[4 * at + 1], parts[4 * at + 3]
            pieces += _trimmed(turns[at][1], bool(before), bool(after))
    return pieces


def _trimmed(pieces: Sequence[Piece], keeps_before: bool, keeps_after: bool) -> list[Piece]:
    found = list(pieces)
    first, last = found[0], found[-1]
    if isinstance(first, str) and not keeps_before:
        found[0] = first.lstrip()
    if isinstance(last, str) and not keeps_after:
        found[-1] = last.rstrip() if len(found) > 1 else str(found[0]).rstrip()
    return found


def has_template(tokenizer: Any) -> bool:
    """Returns whether the tokenizer has a chat template."""
    return bool(getattr(tokenizer, "chat_template", None))


def _rendered(tokenizer: Any, turns: Sequence[Turn], add_generation_prompt: bool) -> str:
    if not has_template(tokenizer):
        raise ValueError(f"{RULE}, got {type(tokenizer).__name__} without one")
    messages = [
        {"role": role, "content": f"{EDGE}\ue000{at}\ue001{EDGE}"}
        for at, (role, _) in enumerate(turns)
    ]
    try:
        text = tokenizer.apply_chat_template(
            messages, tokenize=False, add_generation_prompt=add_generation_prompt
        )
    except Exception as error:
        raise ValueError(f"{RULE} for {_roles(turns)}, got {first_line(error)!r}") from error
    return str(text)


def _roles(turns: Sequence[Turn]) -> str:
    return ", ".join(role for role, _ in turns)
