"""SamplingParams: how one request is sampled and when it ends."""

from __future__ import annotations

from dataclasses import dataclass

from multibin.llm.arguments import boolean, integer, real


@dataclass(frozen=True)
class SamplingParams:
    """How to sample one request and when to stop. Names as in vLLM.

    What a seeded request samples depends on its seed and on the position of the token only, never
    on the batch it ran in (but for rounding of the logits themselves).

    Args:
        max_tokens: the most tokens to generate, at least 1.
        temperature: divides the logits; 0 takes the most likely token.
        top_k: sample among the k most likely tokens; 0 or -1: among all.
        top_p: sample among the most likely tokens whose probabilities reach top_p together, in
            (0, 1]; applied after `top_k`.
        seed: 0 … 2**64 - 1; None draws one from torch's global generator.
        stop: a string or strings, of which a list is kept as a tuple; the text ends before the
            first that appears. Special tokens count, though the text leaves them out.
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

    def __post_init__(self) -> None:
        integer("max_tokens", self.max_tokens, low=1)
        integer("top_k", self.top_k, low=-1)
        if real("temperature", self.temperature) < 0:
            raise ValueError(f"temperature must be at least 0, not {self.temperature}")
        if not 0 < real("top_p", self.top_p) <= 1:
            raise ValueError(f"top_p must be in (0, 1], not {self.top_p}")
        if self.seed is not None:
            integer("seed", self.seed, low=0, high=2**64 - 1)
        boolean("ignore_eos", self.ignore_eos)
        self._check_stop()
        if isinstance(self.stop, list):
            # Hashable, and no longer the caller's to change.
            object.__setattr__(self, "stop", tuple(self.stop))

    def _check_stop(self) -> None:
        if not isinstance(self.stop, str | list | tuple | None):
            raise TypeError(f"stop must be a string or a list of strings, not {self.stop!r}")
        for string in self.stop_strings:
            if not isinstance(string, str):
                raise TypeError(f"stop must hold strings, not {string!r}")
            if not string:
                raise ValueError("stop must not hold the empty string ''")

    @property
    def stop_strings(self) -> tuple[str, ...]:
        """`stop` as a tuple, empty where there is none."""
        if self.stop is None:
            return ()
        return (self.stop,) if isinstance(self.stop, str) else tuple(self.stop)

    @property
    def greedy(self) -> bool:
        """Whether the most likely token is taken."""
        return self.temperature == 0
