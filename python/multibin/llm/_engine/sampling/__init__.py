"""Next tokens from logits, for a batch of rows, each with its seed and parameters.

From the bottom: `uniforms` gives the random numbers and `draw` the token at each, `rows` says what
is read of a request. The steps before the draw, in their order: `bans` (bad words, `min_tokens`),
`bias`, `processors` of the caller, `penalties`, `filters`. `logprobs` reports what was likely, and
`sampler` runs all of it.
"""

from multibin.llm._engine.sampling.draw import draw
from multibin.llm._engine.sampling.filters import Filters
from multibin.llm._engine.sampling.logprobs import PromptLogprobs, TokenLogprobs
from multibin.llm._engine.sampling.rows import Sampled
from multibin.llm._engine.sampling.sampler import AHEAD, Sampler, Step
from multibin.llm._engine.sampling.uniforms import sample_seed, uniforms

__all__ = [
    "AHEAD",
    "Filters",
    "PromptLogprobs",
    "Sampled",
    "Sampler",
    "Step",
    "TokenLogprobs",
    "draw",
    "sample_seed",
    "uniforms",
]
