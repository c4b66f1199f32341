"""SamplingParams: how one request is sampled and when it ends."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from numbers import Integral
from typing import Any, TypeAlias

from torch import Tensor

from multibin._args import boolean, integer, number, positive, sentence

LogitsProcessor: TypeAlias = Callable[..., Tensor]
"""A callable `(token_ids, logits) -> logits`, or `(prompt_token_ids, token_ids, logits) -> logits`.

`token_ids` are the generated ones, `logits` is the row [vocab].
"""


@dataclass(frozen=True)
class SamplingParams:
    """How to sample one request and when to stop. Names and order of steps are those of vLLM.

    Each token comes from the logits by these steps: `bad_words`, `min_tokens`, `logit_bias`,
    `logits_processors`, `repetition_penalty`, `frequency_penalty`, `presence_penalty`,
    `temperature`, `min_p`, `top_k`, `top_p`. With temperature 0 the likeliest token is taken after
    the penalties.

    The tokens of a seeded request depend on its seed and their positions alone. They do not depend
    on the batch, except through rounding of the logits.

    >>> from multibin import SamplingParams
    >>> SamplingParams(max_tokens=64, temperature=0).greedy
    True
    >>> SamplingParams(stop=["END", "###"], stop_token_ids=[2]).stop
    ('END', '###')
    >>> SamplingParams(top_p=1.5)
    Traceback (most recent call last):
    ValueError: top_p must be above 0 and at most 1, got 1.5

    Args:
        max_tokens: the most tokens to generate, at least 1; None: as far as the context goes.
        temperature: divides the logits; 0 takes the most likely token.
        top_k: sample among the k most likely tokens; 0 or -1: among all. Tokens as likely as the
            k-th stay.
        top_p: sample among the most likely tokens whose probabilities reach top_p together, in
            (0, 1]; applied after `top_k`.
        seed: 0 … 2**64 - 1; None draws one from torch's global generator.
        stop: a string or strings; a list is kept as a tuple. The text ends before the first that
            appears. Special tokens count in the search, although the text leaves them out.
        ignore_eos: run on past end-of-sequence tokens.
        n: how many continuations to sample for the prompt. The first has the seed, continuation i a
            seed that is a function of `seed` and i. Greedy text has only one.
        min_p: sample among the tokens that are at least min_p times as likely as the likeliest, in
            [0, 1].
        repetition_penalty: above 0; divides the positive logits of tokens of the prompt and the
            text, and multiplies the negative ones.
        presence_penalty: -2 … 2; taken from the logits of tokens that the text has.
        frequency_penalty: -2 … 2; taken from the logits of tokens, once for each time in the text.
        logit_bias: numbers added to the logits of token ids, kept as float32; -inf bans a token.
        stop_token_ids: token ids that end the text, also with `ignore_eos`. Their own text is left
            out.
        min_tokens: tokens before an end-of-sequence token, a stop token or a stop string can end
            the text. Until then these tokens are not generated.
        bad_words: strings that are not generated. Only the last token that would complete one is
            banned.
        logprobs: report the log probability of each generated token, and of so many of the
            likeliest; -1: of all. They are those of the model's own logits.
        prompt_logprobs: the same number for the tokens of the prompt.
        include_stop_str_in_output: whether the text ends behind the stop string or stop token
            instead of before it.
        skip_special_tokens: whether the text leaves special tokens out.
        truncate_prompt_tokens: keep only so many of the last tokens of the prompt; -1: as many as
            the context has.
        logits_processors: callables `(token_ids, logits) -> logits`. Each gets the generated token
            ids and the request's own row of logits [vocab], which it may change. With three
            arguments the ids of the prompt come first. An error that one raises ends its request
            alone.

    Raises:
        TypeError: an argument of the wrong type.
        ValueError: an argument out of its range.
    """

    max_tokens: int | None = 16
    temperature: float = 1.0
    top_k: int = 0
    top_p: float = 1.0
    seed: int | None = None
    stop: str | list[str] | tuple[str, ...] | None = None
    ignore_eos: bool = False
    n: int = 1
    min_p: float = 0.0
    repetition_penalty: float = 1.0
    presence_penalty: float = 0.0
    frequency_penalty: float = 0.0
    logit_bias: Mapping[int, float] | None = field(default=None, hash=False)
    stop_token_ids: list[int] | tuple[int, ...] | None = None
    min_tokens: int = 0
    bad_words: list[str] | tuple[str, ...] | None = None
    logprobs: int | None = None
    prompt_logprobs: int | None = None
    include_stop_str_in_output: bool = False
    skip_special_tokens: bool = True
    truncate_prompt_tokens: int | None = None
    logits_processors: list[LogitsProcessor] | tuple[LogitsProcessor, ...] | None = field(
        default=None, hash=False
    )

    def __post_init__(self) -> None:
        """Checks the fields and copies collections."""
        self._check_numbers()
        self._check_penalties()
        for name in ("ignore_eos", "include_stop_str_in_output", "skip_special_tokens"):
            boolean(name, getattr(self, name))
        self._check_collections()
        for name in ("stop", "stop_token_ids", "bad_words", "logits_processors"):
            # Hashable, and out of reach of the caller's changes.
            if isinstance(value := getattr(self, name), list):
                object.__setattr__(self, name, tuple(value))
        if self.logit_bias is not None:
            object.__setattr__(self, "logit_bias", dict(self.logit_bias))

    def _check_numbers(self) -> None:
        if self.max_tokens is not None:
            integer("max_tokens", self.max_tokens, low=1)
        integer("top_k", self.top_k, low=-1)
        number("temperature", self.temperature, low=0)
        if not 0 < (top_p := number("top_p", self.top_p)) <= 1:
            raise ValueError(sentence("top_p", "above 0 and at most 1", top_p))
        number("min_p", self.min_p, low=0, high=1)
        if self.seed is not None:
            integer("seed", self.seed, high=2**64 - 1)
        if integer("n", self.n, low=1) > 1 and self.greedy:
            raise ValueError(sentence("n", "1 with temperature 0", self.n))
        least = integer("min_tokens", self.min_tokens)
        if self.max_tokens is not None and least > self.max_tokens:
            rule = f"at most max_tokens, {self.max_tokens}"
            raise ValueError(sentence("min_tokens", rule, least))
        for name in ("logprobs", "prompt_logprobs"):
            if getattr(self, name) is not None:
                integer(name, getattr(self, name), low=-1)
        self._check_truncation()

    def _check_truncation(self) -> None:
        if self.truncate_prompt_tokens is None:
            return
        if not integer("truncate_prompt_tokens", self.truncate_prompt_tokens, low=-1):
            raise ValueError(sentence("truncate_prompt_tokens", "-1 or at least 1", 0))

    def _check_penalties(self) -> None:
        positive("repetition_penalty", self.repetition_penalty)
        number("presence_penalty", self.presence_penalty, low=-2, high=2)
        number("frequency_penalty", self.frequency_penalty, low=-2, high=2)

    def _check_collections(self) -> None:
        if not isinstance(self.stop, str | list | tuple | None):
            raise TypeError(sentence("stop", "a string or a list of strings", self.stop))
        for index, string in enumerate(self.stop_strings):
            _check_string("stop" if isinstance(self.stop, str) else f"stop[{index}]", string)
        for index, word in enumerate(_listed("bad_words", self.bad_words, "strings")):
            _check_string(f"bad_words[{index}]", word)
        for index, token in enumerate(_listed("stop_token_ids", self.stop_token_ids, "ids")):
            integer(f"stop_token_ids[{index}]", token)
        rule = "callables"
        for index, one in enumerate(_listed("logits_processors", self.logits_processors, rule)):
            if not callable(one):
                raise TypeError(sentence(f"logits_processors[{index}]", "callable", one))
        self._check_bias()

    def _check_bias(self) -> None:
        if not isinstance(self.logit_bias, Mapping | None):
            rule = "a mapping of token ids to numbers"
            raise TypeError(sentence("logit_bias", rule, self.logit_bias))
        for token, bias in (self.logit_bias or {}).items():
            if isinstance(token, bool) or not isinstance(token, Integral):
                raise TypeError(sentence("logit_bias", "a mapping from ids, which are ints", token))
            integer("logit_bias", token)
            name = f"logit_bias[{token}]"
            if isinstance(bias, float) and (math.isnan(bias) or bias == math.inf):
                raise ValueError(sentence(name, "finite or -inf", bias))
            if bias != -math.inf:
                number(name, bias)

    @property
    def stop_strings(self) -> tuple[str, ...]:
        """Returns `stop` as a tuple, empty for None.

        >>> SamplingParams(stop="END").stop_strings
        ('END',)
        """
        if self.stop is None:
            return ()
        return (self.stop,) if isinstance(self.stop, str) else tuple(self.stop)

    @property
    def greedy(self) -> bool:
        """Returns whether the most likely token is taken.

        >>> SamplingParams().greedy
        False
        """
        return self.temperature == 0

    @cached_property
    def processed(self) -> bool:
        """Returns whether anything changes the logits before the likeliest token is known.

        >>> SamplingParams(top_k=5).processed, SamplingParams(min_tokens=5).processed
        (False, True)
        """
        return self.penalised or bool(
            self.bad_words or self.min_tokens or self.logit_bias or self.logits_processors
        )

    @cached_property
    def penalised(self) -> bool:
        """Returns whether any penalty applies.

        >>> SamplingParams(repetition_penalty=1.1).penalised
        True
        """
        return (
            self.repetition_penalty != 1
            or self.presence_penalty != 0
            or self.frequency_penalty != 0
        )


def _listed(name: str, value: object, of: str) -> list[Any] | tuple[Any, ...]:
    """Returns a list or tuple as it is, and an empty tuple for None."""
    if not isinstance(value, list | tuple | None):
        raise TypeError(sentence(name, f"a list of {of}", value))
    return () if value is None else value


def _check_string(name: str, string: object) -> None:
    if not isinstance(string, str):
        raise TypeError(sentence(name, "a string", string))
    if not string:
        raise ValueError(sentence(name, "a non-empty string", string))
