"""Embeddings with MiniLM on one thread: texts of mixed length, batches of 32.

The texts have a median of 48 tokens, log-normal with sigma 1, from 8 to 256; the seed is fixed.
`closed` has 256 requests in flight. `open` has Poisson arrivals at 80 % of what `batched` could
answer in the closed loop. `offline` is a list of texts, beside the sorted `encode` of
sentence-transformers.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator

import numpy as np
from benches.batcher import baselines, loops, model
from benches.batcher.options import Options
from benches.batcher.paired import Figures, Line, Rounds, Target, take_turns

import multibin as mb

BATCH, IN_FLIGHT, MEDIAN, LOAD, TOLERANCE = 32, 256, 48, 0.8, 1e-5
WARM = 200
Ask = Callable[[str], Awaitable[object]]
Play = Callable[[Ask], Awaitable[Figures]]
Vectors = dict[str, model.Vector]


async def with_ours(play: Play, warm: list[str]) -> Figures:
    async with mb.Batcher(model.embedder(), length=len, batch_size=BATCH) as embed:
        await loops.closed(embed, warm, IN_FLIGHT)
        return await play(embed)


async def with_batched(play: Play, warm: list[str]) -> Figures:
    embed = baselines.load("batched").aio.dynamically(batch_size=BATCH)(model.embedder())
    await loops.closed(embed, warm[:BATCH], IN_FLIGHT)
    return await play(embed)


def equal(one: Vectors, other: Vectors) -> bool:
    """Returns true if both hold equal vectors for the same texts."""
    return one.keys() == other.keys() and all(
        np.allclose(vector, other[text], rtol=0, atol=TOLERANCE) for text, vector in one.items()
    )


class Texts:
    """The texts of the figure and what was computed from them."""

    def __init__(self, options: Options) -> None:
        self.options = options
        self.all = model.texts(options.texts, MEDIAN, options.seed)
        self.warm = model.texts(WARM, MEDIAN, options.seed + 1)
        self.vectors: dict[str, Vectors] = {}

    async def closed(self, ask: Ask, name: str) -> Figures:
        vectors = self.vectors[name] = {}

        async def keep(text: str) -> None:
            vectors[text] = await ask(text)  # type: ignore[assignment]  # baselines have no types

        seconds = await loops.closed(keep, self.all, IN_FLIGHT)
        return {"closed": len(self.all) / seconds}

    async def open(self, ask: Ask, rate: float, number: int) -> Figures:
        times = loops.arrivals(len(self.all), rate, self.options.seed + number)
        return loops.quantiles(await loops.open_loop(ask, self.all, times), 1e3)

    def offline_ours(self, _: int) -> Figures:
        with mb.Batcher(model.embedder(), length=len, batch_size=BATCH) as embed:
            [*embed.map(self.warm)]
            began = loops.clock()
            vectors = [*embed.map(self.all)]
            seconds = loops.clock() - began
        self.vectors["offline"] = dict(zip(self.all, vectors, strict=True))
        return {"offline": len(self.all) / seconds}

    def offline_theirs(self, _: int) -> Figures:
        encode = model.sentence_transformer().encode
        encode(self.warm[:BATCH], batch_size=BATCH)
        began = loops.clock()
        vectors = encode(self.all, batch_size=BATCH, normalize_embeddings=True)
        seconds = loops.clock() - began
        self.vectors["encode"] = dict(zip(self.all, vectors, strict=True))
        return {"offline": len(self.all) / seconds}


def online(texts: Texts, play: Callable[[Ask, str, int], Awaitable[Figures]]) -> Rounds:
    """Plays both batchers in turns."""

    def ours(number: int) -> Figures:
        return asyncio.run(with_ours(lambda ask: play(ask, "ours", number), texts.warm))

    def batched(number: int) -> Figures:
        return asyncio.run(with_batched(lambda ask: play(ask, "batched", number), texts.warm))

    contestants = {"ours": ours, "batched": batched}
    return take_turns(contestants, texts.options.rounds(7), warm_up=False)


def beside_batched(texts: Texts) -> Iterator[Line | str]:
    rounds = online(texts, lambda ask, name, _: texts.closed(ask, name))
    yield rounds.line("closed", "texts/s", "batched", Target(1.5, least=True))
    yield verdict("ours and batched", equal(texts.vectors["ours"], texts.vectors["batched"]))
    rate = LOAD * rounds.median("batched", "closed")
    rounds = online(texts, lambda ask, _, number: texts.open(ask, rate, number))
    for figure in ("p50", "p99"):
        yield rounds.line(figure, "ms", "batched", Target(1.0, by_interval=True))


def verdict(who: str, same: bool) -> Line:
    """Turns the comparison of vectors into a line: 0 is equal."""
    differ = float(not same)
    return Line(f"vectors differ: {who}", "", differ, None, [differ], Target(0.0))


def offline(texts: Texts) -> Iterator[Line | str]:
    contestants = {"ours": texts.offline_ours, "encode": texts.offline_theirs}
    rounds = take_turns(contestants, texts.options.rounds(7), warm_up=False)
    least = Target(1.0, least=True, by_interval=True)
    yield rounds.line("offline", "texts/s", "encode", least)
    yield verdict("ours and encode", equal(texts.vectors["offline"], texts.vectors["encode"]))


def measure(options: Options) -> Iterator[Line | str]:
    texts = Texts(options)
    if baselines.have("batched"):
        yield from beside_batched(texts)
    else:
        yield "closed, open: skipped, as batched is not installed"
    if baselines.have("sentence_transformers"):
        yield from offline(texts)
    else:
        yield "offline: skipped, as sentence-transformers is not installed"
