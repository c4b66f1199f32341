"""Generates JSON of a given schema: a grammar says which tokens may come next.

    python -m examples.generate_json [PATH]

The grammar is that of `llguidance`, as a logits processor. Each request has its own, which sees the
request's tokens and its row of logits. Requests with and without a grammar share a batch.
PATH is the folder of a causal model with a fast tokenizer; without it a small random model writes
JSON that is valid and nonsense.
"""

import sys
from typing import Any

import torch
from llguidance import LLMatcher, LLTokenizer
from llguidance.hf import from_tokenizer
from transformers import AutoTokenizer

from examples._small import letters
from multibin import LLM, SamplingParams

SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "name": {"type": "string", "maxLength": 12},
        "age": {"type": "integer", "minimum": 0, "maximum": 120},
        "pets": {"type": "array", "items": {"enum": ["cat", "dog", "fish"]}, "maxItems": 3},
    },
    "required": ["name", "age", "pets"],
    "additionalProperties": False,
    # No blanks between the parts.
    "x-guidance": {"whitespace_flexible": False},
}


class Grammar:
    """Forbids the tokens that no text of the schema has next. Each request needs its own."""

    def __init__(self, tokenizer: LLTokenizer, schema: dict[str, Any]) -> None:
        self.matcher = LLMatcher(tokenizer, LLMatcher.grammar_from_json_schema(schema))
        self.taken = 0
        """Tokens that the matcher knows."""

    def __call__(self, tokens: list[int], logits: torch.Tensor) -> torch.Tensor:
        """Returns the logits with those of forbidden tokens at -inf."""
        if not self.matcher.consume_tokens(tokens[self.taken :]):
            raise ValueError(self.matcher.get_error())
        self.taken = len(tokens)
        # A byte a token, 0 if it is forbidden. Models may have more logits than tokens.
        allowed = torch.zeros(logits.shape, dtype=torch.bool)
        known = torch.frombuffer(bytearray(self.matcher.compute_logit_bias()), dtype=torch.uint8)
        allowed[: len(known)] = known[: len(allowed)] > 0
        return logits.masked_fill(~allowed.to(logits.device), -torch.inf)


def people(llm: LLM, tokenizer: Any, prompts: list[str]) -> list[str]:
    """Returns a JSON text for each prompt."""
    shared = from_tokenizer(tokenizer)
    params = [
        SamplingParams(max_tokens=200, seed=i, logits_processors=[Grammar(shared, SCHEMA)])
        for i in range(len(prompts))
    ]
    return [one.outputs[0].text for one in llm.generate(prompts, params, use_tqdm=False)]


def main() -> None:
    """Prints eight people."""
    path = sys.argv[1] if len(sys.argv) > 1 else None
    tokenizer = AutoTokenizer.from_pretrained(path) if path else letters.tokenizer()
    llm = LLM(path or letters.causal_model(), tokenizer, batch_size=4)
    prompts = [f"Person {i} in JSON, with name, age and pets:\n" for i in range(8)]
    for text in people(llm, tokenizer, prompts):
        print(text)


if __name__ == "__main__":
    main()
