"""A sequence classifier gives each pair the score that it gives that pair alone."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

Load = Callable[..., Any]


@pytest.fixture(scope="module")
def rerank(example: Load) -> Any:
    """The example."""
    return example("rerank")


@pytest.fixture(scope="module")
def documents(example: Load) -> list[str]:
    """60 documents of log-normal length."""
    texts: list[str] = example("small").texts(60, seed=2)
    return texts


def alone(reranker: Any, query: str, document: str) -> float:
    """Returns the score of one pair by the model itself."""
    encoded = reranker.tokenizer(query, document, return_tensors="pt")
    return float(reranker.model(**encoded).logits.detach()[0, 0])


def assert_ranked(reranker: Any, query: str, documents: list[str]) -> None:
    ranked = reranker.rank(query, documents)
    assert sorted(document for _, document in ranked) == sorted(documents)
    assert [score for score, _ in ranked] == sorted((score for score, _ in ranked), reverse=True)
    for score, document in ranked:
        assert score == pytest.approx(alone(reranker, query, document), abs=1e-5)


def test_scores_are_those_of_each_pair_alone(rerank: Any, documents: list[str]) -> None:
    with closing(rerank.Reranker()) as reranker:
        assert_ranked(reranker, "ask the king", documents)


def test_many_threads_rank_at_once(rerank: Any, documents: list[str]) -> None:
    queries = ["ask the king", "home", "a very long question about the land"]
    with closing(rerank.Reranker()) as reranker, ThreadPoolExecutor(3) as pool:
        for done in [pool.submit(assert_ranked, reranker, q, documents) for q in queries]:
            done.result()


def test_two_rerankers_keep_apart(rerank: Any, documents: list[str]) -> None:
    query = "ask the king"
    with closing(rerank.Reranker()) as first, closing(rerank.Reranker()) as second:
        second.model.classifier.bias.data += 1
        [(best, document), *_] = first.rank(query, documents)
        assert second.rank(query, documents)[0] == (pytest.approx(best + 1, abs=1e-5), document)


def test_a_path_names_the_folder_of_a_model(
    rerank: Any,
    example: Load,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    small = example("small")
    small.classifier().save_pretrained(tmp_path)
    small.tokenizer().save_pretrained(tmp_path)
    monkeypatch.setattr("sys.argv", ["rerank", str(tmp_path)])
    rerank.main()
    lines = capsys.readouterr().out.splitlines()
    scores = [float(line.split()[0]) for line in lines]
    assert len(scores) == 12
    assert scores == sorted(scores, reverse=True)
