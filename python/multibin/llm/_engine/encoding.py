"""Text to token ids, with errors that name the argument."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from numbers import Integral

from multibin._args import boolean, sentence, shown
from multibin.llm._engine.tensors import to_list
from multibin.llm._load.failures import first_line
from multibin.llm._load.tokenizers import Choice, Tokenizer, takes

KEYS = ("prompt", "prompt_token_ids", "add_special_tokens")
"""What a mapping may hold."""


def encoded(name: str, text: str, choice: Choice, *, add_special_tokens: bool = True) -> list[int]:
    """Returns the token ids of the argument `name`, with the tokenizer's special tokens or without.

    Raises:
        TypeError: the tokenizer returns no token ids.
        ValueError: there is no tokenizer, or it does not encode the text.
    """
    if choice.tokenizer is None:
        message = sentence(name, "token ids without a tokenizer", text)
        raise ValueError(f"{message}{choice.missing}")
    try:
        tokens = _encode(choice.tokenizer, text, add_special_tokens)
    except Exception as error:
        message = sentence(name, "text that the tokenizer encodes", text)
        raise ValueError(f"{message}: {first_line(error)}") from error
    return token_ids(name, tokens, "encoded to a list of token ids")


def _encode(tokenizer: Tokenizer, text: str, add_special_tokens: bool) -> object:
    """Encodes `text`; a tokenizer that cannot be told about special tokens decides itself."""
    encode: Callable[..., object] = tokenizer.encode
    if add_special_tokens or not takes(encode, text, add_special_tokens=False):
        return encode(text)
    return encode(text, add_special_tokens=False)


def token_ids(name: str, values: object, rule: str) -> list[int]:
    """Returns token ids as a list of ints.

    Raises:
        TypeError: not a sequence, or an element that is no integer.
    """
    tokens = to_list(values)
    if not isinstance(tokens, list | tuple):
        raise TypeError(sentence(name, rule, values))
    for position, token in enumerate(tokens):
        # bool is an int to Python; exactly int is the common case and the fast one.
        if type(token) is not int and (isinstance(token, bool) or not isinstance(token, Integral)):
            raise TypeError(sentence(f"{name}[{position}]", "a token id", token))
    return [int(token) for token in tokens]


def bad_word_ids(words: Sequence[str], choice: Choice) -> list[list[int]]:
    """Returns the token ids of each bad word, at the beginning of a text and behind a space.

    As in vLLM, the form behind a space counts where it is another first token and no more tokens.

    Raises:
        ValueError: there is no tokenizer, or it encodes a word to nothing.
    """
    if words and choice.tokenizer is None:
        message = sentence("bad_words", "None without a tokenizer", tuple(words))
        raise ValueError(f"{message}{choice.missing}")
    found: list[list[int]] = []
    for index, word in enumerate(words):
        name, bare = f"bad_words[{index}]", word.lstrip()
        alone, spaced = (
            encoded(name, text, choice, add_special_tokens=False) for text in (bare, f" {bare}")
        )
        if not alone:
            raise ValueError(sentence(name, "text of at least one token", word))
        found.append(alone)
        if spaced and spaced[0] != alone[0] and len(spaced) == len(alone):
            found.append(spaced)
    return found


def from_mapping(name: str, prompt: Mapping[str, object]) -> tuple[object, bool]:
    """Returns the text or ids that a mapping holds, and whether special tokens are added to text.

    Raises:
        ValueError: it holds neither "prompt" nor "prompt_token_ids", or anything unknown.
    """
    if unknown := [key for key in prompt if key not in KEYS]:
        raise ValueError(
            f"{name} must have 'prompt' or 'prompt_token_ids', and no keys but those and "
            f"'add_special_tokens', got {shown(unknown)}"
        )
    for key in ("prompt_token_ids", "prompt"):
        if key in prompt:
            special = boolean("add_special_tokens", prompt.get("add_special_tokens", True))
            return prompt[key], special
    raise ValueError(f"{name} must have 'prompt' or 'prompt_token_ids', got {sorted(prompt)}")
