"""Chat templates, cut at the contents of the messages, so that each piece is known."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, TypeAlias

from multibin._args import sentence
from multibin.reward._formats._format import Piece

Turn: TypeAlias = tuple[str, Sequence[Piece]]
"""The role of a message, and the pieces of its content."""

PLACE = re.compile("\ue000([0-9]+)\ue001")
"""What stands for a content while the template is rendered: no text of a template or a user."""


def chat_pieces(
    tokenizer: Any, turns: Sequence[Turn], *, add_generation_prompt: bool = False
) -> list[Piece]:
    """Returns the pieces of a chat as the tokenizer's template writes it.

    Raises:
        ValueError: the tokenizer has no template, or its template refuses the roles, or does not
            write each message once and in order.
    """
    parts = PLACE.split(_rendered(tokenizer, turns, add_generation_prompt))
    if parts[1::2] != [str(at) for at in range(len(turns))]:
        roles = ", ".join(role for role, _ in turns)
        raise ValueError(f"{_RULE} that writes each message once, got another for {roles}")
    pieces: list[Piece] = []
    for at, text in enumerate(parts[::2]):
        pieces += [text] if text else []
        pieces += turns[at][1] if at < len(turns) else []
    return pieces


def has_template(tokenizer: Any) -> bool:
    """Returns whether the tokenizer has a chat template."""
    return bool(getattr(tokenizer, "chat_template", None))


_RULE = "tokenizer must have a chat template"


def _rendered(tokenizer: Any, turns: Sequence[Turn], add_generation_prompt: bool) -> str:
    if not has_template(tokenizer):
        raise ValueError(f"{_RULE}, got {type(tokenizer).__name__} without one")
    messages = [
        {"role": role, "content": f"\ue000{at}\ue001"} for at, (role, _) in enumerate(turns)
    ]
    try:
        text = tokenizer.apply_chat_template(
            messages, tokenize=False, add_generation_prompt=add_generation_prompt
        )
    except Exception as error:
        roles = ", ".join(role for role, _ in turns)
        raise ValueError(f"{sentence(_RULE, f'for {roles}', str(error))}") from error
    return str(text)
