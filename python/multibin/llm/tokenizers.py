"""Tokenizers: what the engine needs of one, and where it comes from."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from inspect import signature
from typing import Any, Protocol, TypeAlias

from transformers import AutoTokenizer

from multibin.llm.adapters import adapter_base
from multibin.llm.models import ModelSource, check_location, loading


class Tokenizer(Protocol):
    """What the engine needs of a tokenizer; those of transformers have it."""

    def encode(self, text: str) -> list[int]:
        """Text to ids, with the special tokens that the model expects."""
        ...

    def decode(self, token_ids: list[int], skip_special_tokens: bool = ...) -> str:
        """Ids to text."""
        ...


TokenizerSource: TypeAlias = str | os.PathLike[str] | Tokenizer


@dataclass(frozen=True)
class Choice:
    """A tokenizer, or why there is none."""

    tokenizer: Tokenizer | None
    missing: str = ""


def given(source: TokenizerSource, *, trust_remote_code: bool = False) -> Choice:
    """The tokenizer that the caller names; code beside it runs only where that is trusted.

    Raises:
        TypeError: an object without `encode(text)` and `decode(ids, skip_special_tokens=…)`.
        ValueError: no tokenizer loads from the folder or hub id.
    """
    if isinstance(source, str | os.PathLike):
        return Choice(_load(check_location("tokenizer", source), trust_remote_code))
    if not hasattr(source, "encode") or not hasattr(source, "decode"):
        raise TypeError(f"tokenizer must have encode and decode, not {source!r:.80}")
    if not _takes(source.encode, "") or not _takes(source.decode, [], skip_special_tokens=True):
        raise TypeError(
            "tokenizer must have encode(text) and decode(ids, skip_special_tokens=True), "
            f"not {source!r:.80}"
        )
    return Choice(source)


def _takes(method: Callable[..., Any], *args: object, **kwargs: object) -> bool:
    """Whether `method` can be called so, as far as its signature tells."""
    if not callable(method):
        return False
    try:
        shape = signature(method)
    except ValueError:
        # Compiled, and without a signature.
        return True
    try:
        shape.bind(*args, **kwargs)
    except TypeError:
        return False
    return True


def beside(model: ModelSource, *, trust_remote_code: bool = False) -> Choice:
    """The tokenizer in the model's folder or hub id, or in that of an adapter's base, if there is
    one.
    """
    if not isinstance(model, str | os.PathLike):
        return Choice(None, ", and none was given beside the model object")
    missing = ""
    for location in filter(None, (os.fspath(model), adapter_base(os.fspath(model)))):
        try:
            return Choice(_load(location, trust_remote_code))
        except ValueError as error:
            missing = missing or f": {error}"
    return Choice(None, missing)


def _load(location: str, trust_remote_code: bool) -> Tokenizer:
    with loading("tokenizer", location):
        tokenizer: Tokenizer = AutoTokenizer.from_pretrained(
            location, trust_remote_code=trust_remote_code
        )
    return tokenizer
