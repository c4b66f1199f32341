"""The text of one request, and its tokens alone."""

from __future__ import annotations

from collections.abc import Sequence

from multibin.llm._engine.detokenize import Detokenizer, text_after
from multibin.llm._engine.pieces import Pieces
from multibin.llm._engine.sampling.logprobs import TokenLogprobs
from multibin.llm._engine.stops import StopFinder
from multibin.llm._load.tokenizers import Tokenizer
from multibin.llm._outputs import Logprob, Logprobs
from multibin.llm._params import SamplingParams


class Text:
    """The text of a request's tokens, decoded once for each of them."""

    def __init__(
        self, tokenizer: Tokenizer | None, prompt: Sequence[int], params: SamplingParams
    ) -> None:
        self._tokenizer = tokenizer
        self._prompt = prompt
        self._special_tokens = not params.skip_special_tokens
        self._detokenizer: Detokenizer | None = None
        self._decoded = 0
        self._pieces: dict[int, str | None] = {}
        self.finder: StopFinder | None = None
        """Looks for the stop strings, if there are any, and decodes for it."""
        if tokenizer is not None and params.stop_strings:
            self.finder = StopFinder(
                tokenizer, params.stop_strings, prompt, special_tokens=self._special_tokens
            )

    def of(self, tokens: Sequence[int]) -> str:
        """Returns the text of the tokens so far."""
        if self._tokenizer is None:
            return ""
        if self.finder is not None:
            return self.finder.text
        if self._detokenizer is None:
            self._detokenizer = Detokenizer(
                self._tokenizer, self._prompt, special_tokens=self._special_tokens
            )
        self._detokenizer.extend(tokens[self._decoded :])
        self._decoded = len(tokens)
        return self._detokenizer.text

    def before_last(self, tokens: Sequence[int]) -> str:
        """Returns the text of all tokens but the last, which ended it."""
        if self._tokenizer is None:
            return ""
        if self.finder is None and self._decoded < len(tokens):
            return self.of(tokens[:-1])
        return text_after(
            self._tokenizer, self._prompt, tokens[:-1], special_tokens=self._special_tokens
        )

    def decoded(self, logprobs: TokenLogprobs) -> Logprobs:
        """Returns log probabilities by token id, each with its token decoded alone."""
        return {
            token: Logprob(logprob, rank, self._piece(token))
            for token, logprob, rank in zip(*logprobs, strict=True)
        }

    def _piece(self, token: int) -> str | None:
        if self._tokenizer is None:
            return None
        if token not in self._pieces:
            self._pieces[token] = Pieces(self._tokenizer, special_tokens=True).text([token])
        return self._pieces[token]
