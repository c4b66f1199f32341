"""Tokenizers: what the engine needs of one, and where it comes from."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from inspect import signature
from typing import Any, Protocol, TypeAlias

from transformers import AutoTokenizer

from multibin._args import sentence
from multibin.llm._load.adapters import adapter_base
from multibin.llm._load.failures import check_location, loading
from multibin.llm._load.gguf_file import gguf_options
from multibin.llm._load.models import ModelSource


class Tokenizer(Protocol):
    """What the engine needs of a tokenizer; those of transformers have it."""

    def encode(self, text: str) -> list[int]:
        """Returns the ids of a text, with the special tokens that the model expects."""
        ...

    def decode(self, token_ids: list[int], skip_special_tokens: bool = ...) -> str:
        """Returns the text of ids."""
        ...


TokenizerSource: TypeAlias = str | os.PathLike[str] | Tokenizer


@dataclass(frozen=True)
class Choice:
    """A tokenizer, or why there is none."""

    tokenizer: Tokenizer | None
    missing: str = ""
    """Follows a message that a tokenizer is needed."""


def resolve_tokenizer(source: TokenizerSource, *, trust_remote_code: bool = False) -> Choice:
    """Returns the tokenizer that the caller names.

    Code in its folder runs with `trust_remote_code` only.

    Raises:
        TypeError: an object without `encode(text)` and `decode(ids, skip_special_tokens=…)`.
        ValueError: no tokenizer loads from the folder or hub id.
    """
    if isinstance(source, str | os.PathLike):
        return Choice(_load(check_location("tokenizer", source), trust_remote_code))
    if not hasattr(source, "encode") or not hasattr(source, "decode"):
        raise TypeError(sentence("tokenizer", "an object with encode and decode", source))
    if not takes(source.encode, "") or not takes(source.decode, [], skip_special_tokens=True):
        rule = "an object with encode(text) and decode(ids, skip_special_tokens=True)"
        raise TypeError(sentence("tokenizer", rule, source))
    return Choice(source)


def takes(method: Callable[..., Any], *args: object, **kwargs: object) -> bool:
    """Returns whether the signature of `method`, if it has one, accepts these arguments."""
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


def find_tokenizer(
    model: ModelSource,
    *,
    gguf_file: str | os.PathLike[str] | None = None,
    trust_remote_code: bool = False,
) -> Choice:
    """Returns the tokenizer in the folder or hub id of a model, or of an adapter's base model.

    With `gguf_file` it is the one in that file.

    Where neither has one, or the model is an object, the choice says why.
    """
    if not isinstance(model, str | os.PathLike):
        return Choice(None, ": the model is an object, and no tokenizer came with it")
    missing, options = "", gguf_options(model, gguf_file)
    for location in filter(None, (os.fspath(model), adapter_base(os.fspath(model)))):
        try:
            return Choice(_load(location, trust_remote_code, **options))
        except ValueError as error:
            missing = missing or f": {error}"
    return Choice(None, missing)


def _load(location: str, trust_remote_code: bool, **options: str) -> Tokenizer:
    with loading("tokenizer", location):
        tokenizer: Tokenizer = AutoTokenizer.from_pretrained(
            location, trust_remote_code=trust_remote_code, **options
        )
    return tokenizer
