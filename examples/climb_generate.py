"""Generates with transformers' own `generate`, cut at the bins' edges, without predicted lengths.

    python -m examples.climb_generate [PATH]

Every text starts in the first bin. A text that is not finished at its bin's edge climbs. It leaves
the batch as `mb.Unfinished`, and comes back in a batch of texts that are as long. So short texts
leave early, and long ones run together. PATH is the folder of a causal model; without it a small
random model writes nonsense.
"""

import sys
from typing import Any

from transformers import AutoModelForCausalLM, AutoTokenizer

import multibin as mb
from examples import small
from examples._small.written import MOST, Text


class Writer:
    """Continues prompts greedily."""

    def __init__(self, model: Any, tokenizer: Any) -> None:
        self.model, self.tokenizer = model, tokenizer
        self.tokenizer.pad_token = tokenizer.pad_token or tokenizer.eos_token

    def write(self, texts: list[Text], limit: int | None) -> list[list[int] | mb.Unfinished[Text]]:
        """Writes at most `limit` tokens of each text. It reads texts that climbed again."""
        steps = limit or max(MOST - len(text.written) for text in texts)
        rows = {"input_ids": [text.source + text.written for text in texts]}
        batch = self.tokenizer.pad(rows, padding_side="left", return_tensors="pt")
        output = self.model.generate(**batch, max_new_tokens=steps, do_sample=False, pad_token_id=0)
        new = output[:, batch["input_ids"].shape[1] :].tolist()
        longer = [text.plus(row, self.model) for text, row in zip(texts, new, strict=True)]
        return [t.written if t.finished else mb.Unfinished(t, len(t.written)) for t in longer]


def batcher(writer: Writer) -> mb.Batcher[Text, list[int]]:
    """Returns a batcher of texts that climb from one bin to the next."""
    return mb.Batcher(writer.write, climb=True, edges=mb.Edges([0, 8, 16, 32, MOST]), batch_size=8)


def main() -> None:
    """Prints the lengths of 32 continuations, and the text of the first one."""
    path = sys.argv[1] if len(sys.argv) > 1 else None
    model = AutoModelForCausalLM.from_pretrained(path) if path else small.causal_model()
    tokenizer = AutoTokenizer.from_pretrained(path) if path else small.tokenizer()
    prompts = [Text(tokenizer(text).input_ids) for text in small.texts(32, median=12)]
    with batcher(Writer(model, tokenizer)) as write:
        outputs = [*write.map(prompts)]
    print("tokens:", *map(len, outputs))
    print(tokenizer.decode(outputs[0]))


if __name__ == "__main__":
    main()
