"""Generates with transformers' own `generate`, cut at the bins' edges, without predicted lengths.

    python -m examples.climb_generate [PATH]

Every text starts in the first bin. A text that is not finished at its bin's edge climbs. It leaves
the batch as `mb.Unfinished` and comes back in a batch of texts that are as long. So short texts
leave early, and long ones run together. PATH is the folder of a causal model; without it a small
random model writes nonsense.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

import multibin as mb
from examples import small

MOST = 64
"""The most tokens of a text."""


@dataclass(frozen=True)
class Text:
    """A prompt and how it goes on, as far as it is written."""

    prompt: list[int]
    written: tuple[int, ...] = ()

    @property
    def tokens(self) -> list[int]:
        """All tokens, which the model reads again after each climb."""
        return [*self.prompt, *self.written]


class Writer:
    """Continues prompts greedily."""

    def __init__(self, model: Any) -> None:
        self.model = model
        ends = model.generation_config.eos_token_id
        self.ends = set(ends if isinstance(ends, list) else [ends])

    def write(
        self, texts: list[Text], limit: int | None
    ) -> Sequence[list[int] | mb.Unfinished[Text]]:
        """Writes at most `limit` tokens of each text."""
        steps = min(limit or MOST, max(MOST - len(text.written) for text in texts))
        batch = padded([text.tokens for text in texts])
        output = self.model.generate(**batch, max_new_tokens=steps, do_sample=False, pad_token_id=0)
        new = output[:, batch["input_ids"].shape[1] :].tolist()
        return [self.after(text, row) for text, row in zip(texts, new, strict=True)]

    def after(self, text: Text, new: list[int]) -> list[int] | mb.Unfinished[Text]:
        """Returns the text if it is finished, else the text that climbs."""
        written = list(text.written)
        for token in new:
            written.append(token)
            if token in self.ends or len(written) == MOST:
                return written
        return mb.Unfinished(Text(text.prompt, tuple(written)), progress=len(written))


def batcher(writer: Writer) -> mb.Batcher[Text, list[int]]:
    """Returns a batcher of texts that climb from one bin to the next."""
    return mb.Batcher(writer.write, climb=True, edges=mb.Edges([0, 8, 16, 32, MOST]), batch_size=8)


def padded(rows: list[list[int]]) -> dict[str, torch.Tensor]:
    """Returns rows of tokens with padding on their left, where `generate` expects it."""
    width = max(map(len, rows))
    ids = [[0] * (width - len(row)) + row for row in rows]
    mask = [[0] * (width - len(row)) + [1] * len(row) for row in rows]
    return {"input_ids": torch.tensor(ids), "attention_mask": torch.tensor(mask)}


def main() -> None:
    """Prints the lengths of 32 continuations, and the text of the first one."""
    path = sys.argv[1] if len(sys.argv) > 1 else None
    model = AutoModelForCausalLM.from_pretrained(path) if path else small.causal_model()
    tokenizer = AutoTokenizer.from_pretrained(path) if path else small.tokenizer()
    prompts = [Text(tokenizer(text).input_ids) for text in small.texts(32, median=12)]
    with batcher(Writer(model)) as write:
        outputs = [*write.map(prompts)]
    print("tokens:", *map(len, outputs))
    print(tokenizer.decode(outputs[0]))


if __name__ == "__main__":
    main()
