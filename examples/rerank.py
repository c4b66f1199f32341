"""Orders documents by how well they answer a query, with any sequence classifier of transformers.

    python -m examples.rerank [PATH]

PATH is the folder of a reranker. Without it a small random model shows the flow, and its scores
mean nothing.
"""

from __future__ import annotations

import sys
from contextlib import closing
from typing import Any

import torch
from transformers import AutoModelForSequenceClassification, AutoTokenizer

import multibin as mb
from examples import small

Pair = dict[str, list[int]]


def tokens(pair: Pair) -> int:
    """Returns the length of a query and a document together."""
    return len(pair["input_ids"])


class Reranker:
    """Scores pairs with one model; any number of threads may rank at once."""

    def __init__(self, path: str | None = None) -> None:
        self.model: Any = small.classifier()
        self.tokenizer: Any = small.tokenizer()
        if path:
            self.model = AutoModelForSequenceClassification.from_pretrained(path)
            self.tokenizer = AutoTokenizer.from_pretrained(path)

    @mb.batch(length=tokens, batch_size=16)
    def score(self, pairs: list[Pair]) -> list[float]:
        """Returns the first logit of each pair."""
        batch = self.tokenizer.pad(pairs, return_tensors="pt")
        with torch.inference_mode():
            scores: list[float] = self.model(**batch).logits[:, 0].tolist()
        return scores

    def pair(self, query: str, document: str) -> Pair:
        """Returns the tokens of a query and a document, at most 512."""
        return dict(self.tokenizer(query, document, truncation=True, max_length=512))

    def close(self) -> None:
        """Waits until every caller has a score, and ends the worker thread."""
        self.score.close()

    def rank(self, query: str, documents: list[str]) -> list[tuple[float, str]]:
        """Returns the documents with their scores, the best first."""
        scores = self.score.map(self.pair(query, document) for document in documents)
        return sorted(zip(scores, documents, strict=True), reverse=True)


def main() -> None:
    """Prints some documents in the order of their scores."""
    with closing(Reranker(*sys.argv[1:])) as reranker:
        for score, document in reranker.rank("ask the king", small.texts(12, seed=1)):
            print(f"{score:8.4f}  {document[:70]}")


if __name__ == "__main__":
    main()
