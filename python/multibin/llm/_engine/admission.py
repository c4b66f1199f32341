"""Turns the arguments of `generate` into requests, and checks all of them before anything runs."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from numbers import Integral
from typing import Any, NamedTuple, TypeAlias

import torch

from multibin._args import sentence, shown
from multibin.llm._engine.pieces import Pieces
from multibin.llm._engine.request import Request
from multibin.llm._engine.tensors import to_list
from multibin.llm._load.eos import eos_ids
from multibin.llm._load.failures import first_line
from multibin.llm._load.models import Model
from multibin.llm._load.tokenizers import Choice, Tokenizer
from multibin.llm._params import SamplingParams

Prompt: TypeAlias = str | Sequence[int] | Mapping[str, Any]
"""Text, token ids, or {"prompt": text} or {"prompt_token_ids": ids}."""

CHECKED = 32
"""Ids at the end of a prompt of which one must decode."""


class Tokenized(NamedTuple):
    """A prompt's ids, and its text where it came as text."""

    text: str | None
    tokens: list[int]


@dataclass(frozen=True)
class Admission:
    """Turns prompts and parameters into requests for one model."""

    model: Model
    choice: Choice

    @property
    def tokenizer(self) -> Tokenizer | None:
        """Returns the tokenizer of text, or None without one."""
        return self.choice.tokenizer

    def requests(
        self,
        prompts: Prompt | Sequence[Prompt],
        sampling_params: SamplingParams | Sequence[SamplingParams] | None,
    ) -> list[Request]:
        """Returns one request a prompt, in their order.

        Raises:
            TypeError: a prompt or parameters of the wrong type.
            ValueError: a prompt that is empty or too long, or has an id outside the vocabulary.
                Text or stop strings without a tokenizer. Not one set of parameters a prompt.
        """
        several = _listed(prompts)
        tokenized = [self._tokenized(f"prompts[{i}]", prompt) for i, prompt in enumerate(several)]
        params = _params(sampling_params, len(several))
        if self.tokenizer is not None and tokenized:
            _warn_undecodable(self.tokenizer, tokenized[0].tokens[-CHECKED:])
        pairs = zip(tokenized, params, strict=True)
        requests = [self._request(key, *pair) for key, pair in enumerate(pairs)]
        _draw_seeds(requests)
        return requests

    def _request(self, key: int, prompt: Tokenized, params: SamplingParams) -> Request:
        if params.stop_strings and self.tokenizer is None:
            message = sentence("stop", "None without a tokenizer", params.stop)
            raise ValueError(f"{message}{self.choice.missing}")
        # The last token that is generated is never fed.
        room = self.model.context - len(prompt.tokens) + 1
        return Request(
            key,
            prompt.text,
            prompt.tokens,
            params,
            budget=min(params.max_tokens, room),
            eos=self.model.eos or eos_ids(self.tokenizer),
            tokenizer=self.tokenizer,
        )

    def _tokenized(self, name: str, prompt: object) -> Tokenized:
        if isinstance(prompt, Mapping):
            prompt = _from_mapping(name, prompt)
        text = prompt if isinstance(prompt, str) else None
        if text is None:
            tokens = _ids(name, prompt, "text or token ids")
        else:
            tokens = self._encoded(name, text)
        if not tokens:
            raise ValueError(sentence(name, "non-empty", prompt))
        self._check_context(name, tokens)
        self._check_vocabulary(name, tokens)
        return Tokenized(text, tokens)

    def _check_context(self, name: str, tokens: list[int]) -> None:
        context = self.model.context
        if len(tokens) > context:
            raise ValueError(
                f"{name} must have at most {context} tokens, the model's context, got {len(tokens)}"
            )

    def _check_vocabulary(self, name: str, tokens: list[int]) -> None:
        last = self.model.vocabulary - 1
        for position in (tokens.index(max(tokens)), tokens.index(min(tokens))):
            if not 0 <= tokens[position] <= last:
                rule = f"an id of the model's vocabulary, between 0 and {last}"
                raise ValueError(sentence(f"{name}[{position}]", rule, tokens[position]))

    def _encoded(self, name: str, text: str) -> list[int]:
        if self.tokenizer is None:
            message = sentence(name, "token ids without a tokenizer", text)
            raise ValueError(f"{message}{self.choice.missing}")
        try:
            tokens = self.tokenizer.encode(text)
        except Exception as error:
            message = sentence(name, "text that the tokenizer encodes", text)
            raise ValueError(f"{message}: {first_line(error)}") from error
        return _ids(name, tokens, "encoded to a list of token ids")


def _warn_undecodable(tokenizer: Tokenizer, tokens: list[int]) -> None:
    """Warns before the run if the tokenizer decodes nothing of a prompt."""
    pieces = Pieces(tokenizer, special_tokens=False)
    if pieces.text(tokens) is None and all(pieces.text([token]) is None for token in set(tokens)):
        warnings.warn(
            f"tokenizer {shown(tokenizer)} decodes no id of prompts[0]: it {pieces.failure}. "
            "A token that does not decode is U+FFFD in the text",
            UserWarning,
            stacklevel=4,
        )


def _listed(prompts: Prompt | Sequence[Prompt]) -> Sequence[object]:
    """Returns the prompts as a sequence, also where one came alone."""
    if isinstance(prompts, str | Mapping):
        return [prompts]
    listed = to_list(prompts)
    if not isinstance(listed, list | tuple):
        raise TypeError(sentence("prompts", "text, token ids or a list of them", prompts))
    alone = bool(listed) and isinstance(listed[0], Integral)
    return [listed] if alone else listed


def _from_mapping(name: str, prompt: Mapping[str, object]) -> object:
    for key in ("prompt_token_ids", "prompt"):
        if key in prompt:
            return prompt[key]
    raise ValueError(f"{name} must have 'prompt' or 'prompt_token_ids', got {sorted(prompt)}")


def _ids(name: str, values: object, rule: str) -> list[int]:
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


def _params(
    params: SamplingParams | Sequence[SamplingParams] | None, prompts: int
) -> Sequence[SamplingParams]:
    """Returns one set of parameters a prompt."""
    if params is None or isinstance(params, SamplingParams):
        return [params or SamplingParams()] * prompts
    if not isinstance(params, list | tuple):
        raise TypeError(sentence("sampling_params", "SamplingParams or a list of them", params))
    for index, one in enumerate(params):
        if not isinstance(one, SamplingParams):
            raise TypeError(sentence(f"sampling_params[{index}]", "SamplingParams", one))
    if len(params) != prompts:
        raise ValueError(
            f"sampling_params must have one element for each of {prompts} prompts, "
            f"got {len(params)}"
        )
    return params


def _draw_seeds(requests: Sequence[Request]) -> None:
    """Draws seeds from torch's global generator for the requests that sample and have none."""
    unseeded = [r for r in requests if r.params.seed is None and not r.params.greedy]
    seeds = torch.randint(2**63 - 1, (len(unseeded),)) if unseeded else torch.empty(0)
    for request, seed in zip(unseeded, seeds.tolist(), strict=True):
        request.seed = seed
