"""From the arguments of `generate` to requests: everything is checked before anything runs."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from numbers import Integral
from typing import Any, NamedTuple, TypeAlias

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray

from multibin.llm.arguments import plain
from multibin.llm.models import Model, eos_ids, first_line
from multibin.llm.params import SamplingParams
from multibin.llm.pieces import Pieces
from multibin.llm.request import Request
from multibin.llm.tokenizers import Choice, Tokenizer

Prompt: TypeAlias = str | Sequence[int] | Mapping[str, Any]
"""Text, token ids, or {"prompt": text} or {"prompt_token_ids": ids}."""


TEXT_OR_IDS = "must be text or token ids"

CHECKED = 32
"""Ids of a prompt, one of which must decode."""


class Tokenized(NamedTuple):
    """A prompt's text, where it came as text, and its ids."""

    text: str | None
    tokens: list[int]


@dataclass(frozen=True)
class Admission:
    """Turns prompts and parameters into requests for one model."""

    model: Model
    choice: Choice

    @property
    def tokenizer(self) -> Tokenizer | None:
        """Of text; None where there is none."""
        return self.choice.tokenizer

    def requests(
        self,
        prompts: Prompt | Sequence[Prompt],
        sampling_params: SamplingParams | Sequence[SamplingParams] | None,
    ) -> list[Request]:
        """One request a prompt, in their order.

        Raises:
            TypeError: a prompt or parameters of the wrong type.
            ValueError: an empty or too long prompt, an id outside the vocabulary, text or stop
                strings without a tokenizer, or not one set of parameters a prompt.
        """
        several = _listed(prompts)
        tokenized = [self._tokenized(_name(i), prompt) for i, prompt in enumerate(several)]
        params = _params(sampling_params, len(several))
        if self.tokenizer is not None and tokenized:
            _warn_undecodable(self.tokenizer, tokenized[0].tokens[-CHECKED:])
        pairs = zip(tokenized, params, strict=True)
        requests = [self._request(key, *pair) for key, pair in enumerate(pairs)]
        _draw_seeds(requests)
        return requests

    def _request(self, key: int, prompt: Tokenized, params: SamplingParams) -> Request:
        if params.stop_strings and self.tokenizer is None:
            raise ValueError(f"stop={params.stop!r} needs a tokenizer{self.choice.missing}")
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
        tokens = self._encoded(name, text) if text is not None else _ids(name, prompt, TEXT_OR_IDS)
        if not tokens:
            raise ValueError(f"{name} must not be empty, not {prompt!r}")
        if len(tokens) > self.model.context:
            raise ValueError(
                f"{name} has {len(tokens)} tokens, more than the model's context of "
                f"{self.model.context}"
            )
        for position in (tokens.index(max(tokens)), tokens.index(min(tokens))):
            if not 0 <= tokens[position] < self.model.vocabulary:
                raise ValueError(
                    f"{name}[{position}]={tokens[position]} is outside the model's vocabulary of "
                    f"{self.model.vocabulary} ids"
                )
        return Tokenized(text, tokens)

    def _encoded(self, name: str, text: str) -> list[int]:
        if self.tokenizer is None:
            raise ValueError(
                f"{name}={text[:40]!r} is text and needs a tokenizer{self.choice.missing}"
            )
        try:
            tokens = self.tokenizer.encode(text)
        except Exception as error:
            message = f"{name}={text[:40]!r} does not encode: {first_line(error)}"
            raise ValueError(message) from error
        return _ids(name, tokens, "must be encoded to a list of token ids")


def predicted(lengths: ArrayLike, budgets: NDArray[np.int64]) -> NDArray[np.int64]:
    """Predicted output tokens, rounded up and clipped to what each request can generate.

    Raises:
        TypeError: not numbers.
        ValueError: not one for each request; a negative, infinite or NaN one.
    """
    try:
        values = np.asarray(plain(lengths))
    except (TypeError, ValueError, RuntimeError) as error:
        kind = TypeError if isinstance(error, TypeError) else ValueError
        raise kind(f"lengths={lengths!r:.80}: {first_line(error)}") from None
    if values.size == 0:
        values = values.astype(np.float64)
    if values.dtype.kind not in "iuf":
        raise TypeError(f"lengths must hold numbers, not {values.dtype} ({lengths!r:.80})")
    if values.shape != budgets.shape:
        raise ValueError(
            f"lengths must hold one number for each of {len(budgets)} prompts, not {values.shape}"
        )
    for position in np.flatnonzero(~(np.isfinite(values) & (values >= 0)))[:1]:
        raise ValueError(
            f"lengths[{position}] must be finite and at least 0, not {values[position]}"
        )
    return np.minimum(np.ceil(values.astype(np.float64)), budgets).astype(np.int64)


def _warn_undecodable(tokenizer: Tokenizer, tokens: list[int]) -> None:
    """Says before the run that the tokenizer decodes nothing of a prompt."""
    pieces = Pieces(tokenizer, special_tokens=False)
    if pieces.text(tokens) is None and all(pieces.text([token]) is None for token in set(tokens)):
        warnings.warn(
            f"tokenizer {tokenizer!r:.80} decodes no id of prompts[0]: it {pieces.failure}. "
            "A token that does not decode is U+FFFD in the text",
            UserWarning,
            stacklevel=4,
        )


def _name(index: int) -> str:
    return f"prompts[{index}]"


def _listed(prompts: Prompt | Sequence[Prompt]) -> Sequence[object]:
    """The prompts as a sequence, also where one came alone."""
    if isinstance(prompts, str | Mapping):
        return [prompts]
    plain = _plain(prompts)
    if not isinstance(plain, list | tuple):
        raise TypeError(f"prompts must be text, token ids or a list of them, not {prompts!r:.80}")
    alone = bool(plain) and isinstance(plain[0], Integral)
    return [plain] if alone else plain


def _plain(values: object) -> object:
    return values.tolist() if isinstance(values, np.ndarray | torch.Tensor) else values


def _from_mapping(name: str, prompt: Mapping[str, object]) -> object:
    for key in ("prompt_token_ids", "prompt"):
        if key in prompt:
            return prompt[key]
    raise ValueError(f"{name} must have 'prompt' or 'prompt_token_ids', not {sorted(prompt)}")


def _ids(name: str, values: object, rule: str) -> list[int]:
    tokens = _plain(values)
    if not isinstance(tokens, list | tuple):
        raise TypeError(f"{name} {rule}, not {values!r:.80}")
    for position, token in enumerate(tokens):
        # bool is an int to Python; exactly int is the common case and the fast one.
        if type(token) is not int and (isinstance(token, bool) or not isinstance(token, Integral)):
            raise TypeError(f"{name}[{position}] must be a token id, not {token!r}")
    return [int(token) for token in tokens]


def _params(
    params: SamplingParams | Sequence[SamplingParams] | None, prompts: int
) -> Sequence[SamplingParams]:
    if params is None or isinstance(params, SamplingParams):
        return [params or SamplingParams()] * prompts
    if not isinstance(params, list | tuple):
        raise TypeError(f"sampling_params must be SamplingParams or a list, not {params!r:.80}")
    for index, one in enumerate(params):
        if not isinstance(one, SamplingParams):
            raise TypeError(f"sampling_params[{index}] must be SamplingParams, not {one!r:.80}")
    if len(params) != prompts:
        raise ValueError(f"sampling_params has {len(params)} elements for {prompts} prompts")
    return params


def _draw_seeds(requests: Sequence[Request]) -> None:
    """Seeds for the requests that sample and have none, from torch's global generator."""
    unseeded = [r for r in requests if r.params.seed is None and not r.params.greedy]
    seeds = torch.randint(2**63 - 1, (len(unseeded),)) if unseeded else torch.empty(0)
    for request, seed in zip(unseeded, seeds.tolist(), strict=True):
        request.seed = seed
