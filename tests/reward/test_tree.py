"""The tree of segments: exact for ids that repeat themselves, and within its memory."""

from __future__ import annotations

import gc
from collections.abc import Sequence
from functools import cache
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from multibin import RewardModel
from multibin.llm._load.tiny import ByteTokenizer, tiny_model
from multibin.reward import Format, Mark
from multibin.reward._scorer.packed import Packed
from multibin.reward._scorer.plan import passes
from multibin.reward._scorer.tree import SHARE, PrefixTree, Segment, missing

Ids = list[int]


def build(_: Any, question: Any, steps: Any) -> list[Any]:
    return [question, *(piece for step in steps for piece in (step, Mark()))]


IDS = Format("ids", build)
"""Reads ids as they are, each step at its last token."""


@cache
def module() -> Any:
    return tiny_model().double()


def model(**options: Any) -> RewardModel:
    return RewardModel(module(), ByteTokenizer(), format=IDS, **options)


@cache
def alone(ids: tuple[int, ...], ends: tuple[int, ...]) -> Any:
    """The scores of one sequence with nothing but transformers."""
    with torch.inference_mode():
        logits = module()(torch.tensor([ids])).logits[0, list(ends)]
    return torch.softmax(logits[:, [ord("-"), ord("+")]], -1)[:, 1].numpy()


def exact(found: Any, question: Ids, steps: list[Ids]) -> None:
    ends = tuple(len(question) + n - 1 for n in np.cumsum([len(step) for step in steps]))
    expected = alone((*question, *(token for step in steps for token in step)), ends)
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-9)


def test_short_passes_of_repeating_ids_stay_apart_between_calls() -> None:
    own = model(max_tokens=8, cache_memory=2**26)
    question = [5]
    for steps in ([[5] * 40], [[5] * 32 + [7, 7, 7]], [[5] * 33, [7] * 9]):
        (found,) = own.score(question, [steps])
        exact(found, question, steps)


LENGTHS = st.sampled_from([1, 2, SHARE - 1, SHARE, SHARE + 1, 2 * SHARE + 1, 40])
REPEATED = st.builds(lambda token, n: [token] * n, st.integers(5, 6), LENGTHS)
STEPS = st.lists(REPEATED, min_size=1, max_size=2)
GROUPS = st.lists(
    st.tuples(REPEATED, st.lists(STEPS, min_size=1, max_size=2)), min_size=1, max_size=2
)


@settings(max_examples=12, deadline=None)
@given(
    calls=st.lists(GROUPS, min_size=1, max_size=3),
    max_tokens=st.sampled_from([5, SHARE - 1, SHARE, SHARE + 1, 33, 2048]),
    memory=st.sampled_from([0, 1, 20_000, 2**26]),
)
def test_ids_that_repeat_themselves(calls: Any, max_tokens: int, memory: int) -> None:
    own = model(max_tokens=max_tokens, cache_memory=memory)
    for groups in calls:
        found = own.score([q for q, _ in groups], [several for _, several in groups])
        for scores, (question, several) in zip(found, groups, strict=True):
            for one, steps in zip(scores, several, strict=True):
                exact(one, question, steps)


@settings(max_examples=40, deadline=None)
@given(
    rows=st.lists(st.lists(REPEATED, min_size=1, max_size=3), min_size=1, max_size=6),
    most=st.integers(1, 50),
)
def test_a_plan_keeps_the_tree_whole(rows: Any, most: int) -> None:
    tree = PrefixTree()
    texts = [[token for part in row for token in part] for row in rows]
    leaves = [tree.insert(ids, [len(ids) // 2, len(ids) - 1]) for ids in texts]
    plan = list(passes(missing(leaves), most))
    segments = list(tree.segments())
    assert len(set(segments)) == len(segments)
    assert all(child.parent is one for one in segments for child in one.children.values())
    assert all(part.tokens <= most for part in plan)
    for leaf, ids in zip(leaves, texts, strict=True):
        assert [token for one in leaf.path for token in one.tokens][: len(ids)] == ids
    order = {one: at for at, one in enumerate(one for part in plan for one in part.segments)}
    assert all(one.parent in order or not one.start for one in order)
    assert all(not one.start or order[one.parent] < at for one, at in order.items())  # type: ignore[index]
    assert set(order) >= {one for leaf in leaves for one in leaf.path}


def numbered(number: int, length: int) -> Ids:
    return [5 + (number * 31 + at * 7) % 200 for at in range(length)]


def held(own: RewardModel) -> int:
    """Bytes of the keys and values that are kept, with those that only views need."""
    halves = [
        half
        for one in own._scorer._groups._tree.segments()  # type: ignore[union-attr]
        for pair in (one.states or {}).values()
        for half in pair
    ]
    storages = [half.untyped_storage() for half in halves]
    return sum({one.data_ptr(): one.nbytes() for one in storages}.values())


def test_a_call_keeps_to_its_memory_while_it_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []
    original = Packed.__call__

    def watched(self: Packed, *arguments: Any) -> Any:
        seen.append(held(own))
        return original(self, *arguments)

    questions = [numbered(number, 60) for number in range(30)]
    candidates = [[[numbered(100 + number, 60)]] for number in range(30)]
    expected = model().score(questions, candidates)
    own = model(max_tokens=128, cache_memory=400_000)
    own.score(questions[0], candidates[0])
    most = 400_000 + 2 * held(own)
    monkeypatch.setattr(Packed, "__call__", watched)
    found = own.score(questions, candidates)
    assert len(seen) > 20
    assert 0 < max(seen) <= most
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_allclose(one[0], other[0], rtol=0, atol=1e-9)


def test_what_is_cut_and_forgotten_is_free() -> None:
    question, last, other = numbered(0, 100), [numbered(1, 300)], [numbered(2, 50)]
    whole = model(cache_memory=2**26)
    whole.score(question, [last])
    # Room for the first sequence alone.
    own = model(cache_memory=held(whole))
    own.score(question, [last])
    own.score(question, [other])
    assert 0 < own.stats()["cached_bytes"] == held(own) <= held(whole) // 2


def segments(ids: Ids) -> list[Segment]:
    """All segments that begin with some ids."""
    found = [one for one in gc.get_objects() if type(one) is Segment]
    return [one for one in found if list(one.tokens[: len(ids)]) == ids]


@pytest.mark.parametrize("share", [True, False])
def test_forgotten_states_are_free_at_once(share: bool) -> None:
    question = numbered(3, 50)
    own = model(cache_memory=2**26, share=share)
    gc.collect()
    gc.disable()
    try:
        own.score(question, [[numbered(1, 40)], [numbered(2, 40)]])
        # Without sharing nothing is kept at all.
        assert bool(segments(question)) == share == bool(own.stats()["cached_bytes"])
        own.forget()
        assert not segments(question)
    finally:
        gc.enable()


def test_a_cut_leaves_what_later_calls_find() -> None:
    # One pass and a few tokens of the question.
    question = numbered(0, 64 + 5)
    several: Sequence[Any] = [[numbered(1, 40)], [numbered(2, 40)]]
    own = model(max_tokens=64, cache_memory=2**26)
    own.score(question, several)
    computed = own.stats()["computed_tokens"]
    own.score(question, [[*steps, numbered(3, 20)] for steps in several])
    assert own.stats()["computed_tokens"] - computed == 2 * 20
