"""Generates JSON of a given schema: a grammar says which tokens may come next.

    python -m examples.generate_json [PATH]

The grammar is that of `llguidance`, as a logits processor. Each request has its own, which sees the
request's tokens and its row of logits. Requests with and without a grammar share a batch.
PATH is a causal model's folder, with a fast tokenizer; without it a random model writes nonsense.
"""

import sys
from typing import Literal

import torch
from llguidance import LLMatcher, LLTokenizer
from llguidance.hf import from_tokenizer
from pydantic import BaseModel, Field

from examples._small import given
from multibin import LLM, SamplingParams


class Person(BaseModel, extra="forbid"):
    name: str = Field(max_length=12)
    age: int = Field(ge=0, le=120)
    pets: list[Literal["cat", "dog", "fish"]] = Field(max_length=3)


class Grammar:
    """Forbids the tokens that no JSON of a kind has next. Each request needs its own."""

    def __init__(self, tokenizer: LLTokenizer, kind: type[BaseModel]) -> None:
        schema, options = kind.model_json_schema(), {"whitespace_flexible": False}
        grammar = LLMatcher.grammar_from_json_schema(schema, options)
        self.matcher, self.taken = LLMatcher(tokenizer, grammar), 0

    def __call__(self, tokens: list[int], logits: torch.Tensor) -> torch.Tensor:
        """Returns the logits with those of forbidden tokens at -inf."""
        if not self.matcher.consume_tokens(tokens[self.taken :]):
            raise ValueError(self.matcher.get_error())
        self.taken = len(tokens)
        # A byte a token, 0 if it is forbidden. Models may have more logits than tokens.
        allowed = self.matcher.compute_logit_bias().ljust(len(logits), b"\0")[: len(logits)]
        bias = torch.frombuffer(bytearray(allowed), dtype=torch.uint8)
        return logits.masked_fill(bias.to(logits.device) == 0, -torch.inf)


def main() -> None:
    """Prints eight people."""
    model, tokenizer = given.letters(*sys.argv[1:])
    llm, words = LLM(model, tokenizer, batch_size=4), from_tokenizer(tokenizer)
    prompts = [f"Person {i} in JSON, with name, age and pets:\n" for i in range(8)]
    rules = enumerate(Grammar(words, Person) for _ in prompts)
    params = [SamplingParams(max_tokens=200, seed=i, logits_processors=[own]) for i, own in rules]
    for output in llm.generate(prompts, params, use_tqdm=False):
        print(output.outputs[0].text)


if __name__ == "__main__":
    main()
