"""What an engine runs: the model of a folder, or a small one with random weights."""

from typing import Any

from transformers import AutoTokenizer

from examples import small
from examples._small import letters as small_letters


def words(path: str | None = None) -> tuple[Any, Any]:
    """Returns a model and its tokenizer; the small one has a token a word."""
    return _folder(path) if path else (small.causal_model(), small.tokenizer())


def letters(path: str | None = None) -> tuple[Any, Any]:
    """Returns a model and its tokenizer; the small one has a token a byte."""
    return _folder(path) if path else (small_letters.causal_model(), small_letters.tokenizer())


def _folder(path: str) -> tuple[Any, Any]:
    return path, AutoTokenizer.from_pretrained(path)
