"""SamplingParams: how one request is sampled and when it ends."""

from __future__ import annotations

from dataclasses import dataclass

from multibin._args import boolean, integer, number, sentence


@dataclass(frozen=True)
class SamplingParams:
    """How to sample one request and when to stop. Names are those of vLLM.

    The tokens of a seeded request depend on its seed and their positions alone. They do not depend
    on the batch, except through rounding of the logits.

    >>> from multibin import SamplingParams
    >>> SamplingParams(max_tokens=64, temperature=0).greedy
    True
    >>> SamplingParams(stop=["END", "###"]).stop
    ('END', '###')
    >>> SamplingParams(top_p=1.5)
    Traceback (most recent call last):
    ValueError: top_p must be above 0 and at most 1, got 1.5

    Args:
        max_tokens: the most tokens to generate, at least 1.
        temperature: divides the logits; 0 takes the most likely token.
        top_k: sample among the k most likely tokens; 0 or -1: among all.
        top_p: sample among the most likely tokens whose probabilities reach top_p together, in
            (0, 1]; applied after `top_k`.
        seed: 0 … 2**64 - 1; None draws one from torch's global generator.
        stop: a string or strings; a list is kept as a tuple. The text ends before the first that
            appears. Special tokens count in the search, although the text leaves them out.
        ignore_eos: run on past end-of-sequence tokens.

    Raises:
        TypeError: an argument of the wrong type.
        ValueError: an argument out of its range.
    """

    max_tokens: int = 16
    temperature: float = 1.0
    top_k: int = 0
    top_p: float = 1.0
    seed: int | None = None
    stop: str | list[str] | tuple[str, ...] | None = None
    ignore_eos: bool = False
    prompt_logprobs: int | None = None

    def __post_init__(self) -> None:
        """Checks the fields and copies a list of stop strings."""
        integer("max_tokens", self.max_tokens, low=1)
        integer("top_k", self.top_k, low=-1)
        number("temperature", self.temperature, low=0)
        if not 0 < (top_p := number("top_p", self.top_p)) <= 1:
            raise ValueError(sentence("top_p", "above 0 and at most 1", top_p))
        if self.seed is not None:
            integer("seed", self.seed, high=2**64 - 1)
        boolean("ignore_eos", self.ignore_eos)
        self._check_stop()
        if isinstance(self.stop, list):
            # Hashable, and out of reach of the caller's changes.
            object.__setattr__(self, "stop", tuple(self.stop))

    def _check_stop(self) -> None:
        if not isinstance(self.stop, str | list | tuple | None):
            raise TypeError(sentence("stop", "a string or a list of strings", self.stop))
        for index, string in enumerate(self.stop_strings):
            name = "stop" if isinstance(self.stop, str) else f"stop[{index}]"
            if not isinstance(string, str):
                raise TypeError(sentence(name, "a string", string))
            if not string:
                raise ValueError(sentence(name, "a non-empty string", string))

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
