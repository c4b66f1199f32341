"""Turns the arguments of `generate` into requests, and checks all of them before anything runs."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from numbers import Integral
from typing import Any, NamedTuple, TypeAlias

import torch

from multibin._args import sentence, shown
from multibin.llm._engine.chat import Messages, chat_prompts
from multibin.llm._engine.encoding import bad_word_ids, encoded, from_mapping, token_ids
from multibin.llm._engine.pieces import Pieces
from multibin.llm._engine.request import Request, Sample
from multibin.llm._engine.sampling.uniforms import sample_seed
from multibin.llm._engine.tensors import to_list
from multibin.llm._load.eos import eos_ids
from multibin.llm._load.models import Model
from multibin.llm._load.tokenizers import Choice, Tokenizer
from multibin.llm._params import SamplingParams

Prompt: TypeAlias = str | Sequence[int] | Mapping[str, Any]
"""Text, token ids, or {"prompt": text} or {"prompt_token_ids": ids}.

With {"prompt": text, "add_special_tokens": False} the tokenizer adds no special tokens.
"""

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
    defaults: SamplingParams = SamplingParams()  # noqa: RUF009 it is frozen
    """Parameters of calls that give none."""

    @property
    def tokenizer(self) -> Tokenizer | None:
        """Returns the tokenizer of text, or None without one."""
        return self.choice.tokenizer

    def requests(
        self,
        prompts: Prompt | Sequence[Prompt],
        sampling_params: SamplingParams | Sequence[SamplingParams] | None,
        *,
        first_key: int = 0,
        names: Sequence[str] | None = None,
    ) -> list[Request]:
        """Returns the requests of all prompts: `n` for each, side by side, in their order.

        Their keys count from `first_key`. The request's `sample` says which prompt it continues.
        Errors call the prompts by `names`; None: prompts[0], and so on.

        Raises:
            TypeError: a prompt or parameters of the wrong type.
            ValueError: a prompt that is empty or too long, or has an id outside the vocabulary.
                Text, stop strings or bad words without a tokenizer. Not one set of parameters a
                prompt.
        """
        several = _listed(prompts)
        params = _params(sampling_params, self.defaults, len(several))
        names = names or [f"prompts[{i}]" for i in range(len(several))]
        tokenized = [self._tokenized(*one) for one in zip(names, several, params, strict=True)]
        if self.tokenizer is not None and tokenized:
            _warn_undecodable(self.tokenizer, tokenized[0].tokens[-CHECKED:])
        requests: list[Request] = []
        for index, pair in enumerate(zip(tokenized, params, strict=True)):
            requests += self._continuations(first_key + len(requests), index, *pair)
        _draw_seeds(requests)
        return requests

    def chat(self, messages: Messages, **options: Any) -> list[dict[str, Any]]:
        """Returns a prompt for each conversation; `options` are those of `chat_prompts`."""
        return chat_prompts(self.tokenizer, messages, missing=self.choice.missing, **options)

    def _continuations(
        self, key: int, index: int, prompt: Tokenized, params: SamplingParams
    ) -> Iterator[Request]:
        """Yields the requests of one prompt."""
        if params.stop_strings and self.tokenizer is None:
            message = sentence("stop", "None without a tokenizer", params.stop)
            raise ValueError(f"{message}{self.choice.missing}")
        self._check_bias(params)
        bad = bad_word_ids(params.bad_words or (), self.choice)
        # The last token that is generated is never fed.
        room = self.model.context - len(prompt.tokens) + 1
        eos = self.model.eos or eos_ids(self.tokenizer)
        # One continuation reports the prompt for all.
        others = params if params.n == 1 else replace(params, prompt_logprobs=None)
        for number in range(params.n):
            yield Request(
                key + number,
                prompt.text,
                prompt.tokens,
                others if number else params,
                budget=room if params.max_tokens is None else min(params.max_tokens, room),
                eos=eos,
                tokenizer=self.tokenizer,
                bad_word_ids=bad,
                sample=Sample(index, number),
            )

    def _check_bias(self, params: SamplingParams) -> None:
        for token in params.logit_bias or ():
            if token >= self.model.vocabulary:
                last = self.model.vocabulary - 1
                rule = f"ids of the model's vocabulary, between 0 and {last}"
                raise ValueError(sentence("logit_bias", rule, token))

    def _tokenized(self, name: str, prompt: object, params: SamplingParams) -> Tokenized:
        special = True
        if isinstance(prompt, Mapping):
            prompt, special = from_mapping(name, prompt)
        text = prompt if isinstance(prompt, str) else None
        if text is None:
            tokens = token_ids(name, prompt, "text or token ids")
        else:
            tokens = encoded(name, text, self.choice, add_special_tokens=special)
        if not tokens:
            raise ValueError(sentence(name, "non-empty", prompt))
        if (kept := params.truncate_prompt_tokens) is not None:
            tokens = tokens[-(self.model.context if kept < 0 else int(kept)) :]
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


def _params(
    params: SamplingParams | Sequence[SamplingParams] | None,
    defaults: SamplingParams,
    prompts: int,
) -> Sequence[SamplingParams]:
    """Returns one set of parameters a prompt."""
    if params is None or isinstance(params, SamplingParams):
        return [params or defaults] * prompts
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
    """Gives requests that sample their seeds.

    A prompt without a seed draws one from torch's global generator. Its continuations derive theirs
    from it.
    """
    sampled = [request for request in requests if not request.params.greedy]
    unseeded = {r.sample.prompt for r in sampled if r.params.seed is None}
    drawn = torch.randint(2**63 - 1, (len(unseeded),)) if unseeded else torch.empty(0)
    seeds = dict(zip(sorted(unseeded), drawn.tolist(), strict=True))
    for request in sampled:
        prompt, number = request.sample
        request.seed = sample_seed(seeds.get(prompt, request.seed), number)
