"""Orders documents by how well they answer a query, with any sequence classifier of transformers.

    python -m examples.rerank [PATH]

PATH is the folder of a reranker. Without it a small random model shows the flow, and its scores
mean nothing.
"""

import sys
from contextlib import closing
from typing import Any

import torch
from transformers import AutoModelForSequenceClassification, AutoTokenizer

import multibin as mb
from examples import small


class Reranker:
    """Scores pairs with one model; any number of threads may rank at once."""

    def __init__(self, path: str | None = None) -> None:
        kind = AutoModelForSequenceClassification
        self.model: Any = kind.from_pretrained(path) if path else small.classifier()
        self.tokenizer: Any = AutoTokenizer.from_pretrained(path) if path else small.tokenizer()

    @mb.batch(length=lambda pair: len(pair["input_ids"]), batch_size=16)
    def score(self, pairs: list[dict[str, list[int]]]) -> list[float]:
        """Returns the first logit of each pair."""
        batch = self.tokenizer.pad(pairs, return_tensors="pt")
        with torch.inference_mode():
            scores: list[float] = self.model(**batch).logits[:, 0].tolist()
        return scores

    def rank(self, query: str, documents: list[str]) -> list[tuple[float, str]]:
        """Returns the documents with their scores, the best first."""
        cut = {"truncation": True, "max_length": 512}
        pairs = (dict(self.tokenizer(query, document, **cut)) for document in documents)
        return sorted(zip(self.score.map(pairs), documents, strict=True), reverse=True)

    def close(self) -> None:
        """Waits until every caller has a score, and ends the worker thread."""
        self.score.close()


def main() -> None:
    """Prints some documents in the order of their scores."""
    with closing(Reranker(*sys.argv[1:])) as reranker:
        for score, document in reranker.rank("ask the king", small.texts(12, seed=1)):
            print(f"{score:8.4f}  {document[:70]}")


if __name__ == "__main__":
    main()
