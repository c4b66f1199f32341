"""RewardModel: what it takes and refuses, and what happens around its passes."""

from __future__ import annotations

import asyncio
import copy
import gc
import itertools
import pickle
import signal
import threading
import time
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch

from multibin import RewardModel
from multibin.errors import ClosedError
from multibin.llm._engine.attention import attention
from multibin.llm._load.tiny import ByteTokenizer, tiny_model
from multibin.reward import Format, Mark
from multibin.reward._scorer.batches import LEAST
from multibin.reward._scorer.tree import Segment

QUESTION = "How much is 1 + 1 + 1?"
CANDIDATES = [["1 + 1 = 2", "2 + 1 = 3", "So 3."], ["1 + 1 = 2", "So 2."], ["I do not know."]]


def model(**options: Any) -> RewardModel:
    return RewardModel(tiny_model().double(), ByteTokenizer(), **options)


@pytest.fixture(scope="module")
def expected() -> list[Any]:
    return model().score(QUESTION, CANDIDATES)


def equal(found: list[Any], expected: list[Any]) -> None:
    assert len(found) == len(expected)
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_allclose(one, other, rtol=0, atol=1e-9)


def test_forms_of_arguments(expected: list[Any]) -> None:
    own = model()
    texts = ["\n\n".join(steps) for steps in CANDIDATES]
    equal(own.score(QUESTION, texts), expected)
    equal(own.score(QUESTION, tuple(texts)), expected)
    (several,) = own.score([QUESTION], [texts])
    equal(several, expected)
    equal(own.score([QUESTION] * 3, texts), expected)
    one, rest = own.score([QUESTION] * 2, [texts[0], texts[1:]])
    equal([one, *rest], expected)
    ids = ByteTokenizer().encode
    # The format strips texts; ids it takes as they are.
    found = own.score(ids(QUESTION), [[ids(step) for step in steps] for steps in CANDIDATES])
    equal(found, expected)
    assert own.score([], []) == []


def test_a_single_text_is_a_list_of_one(expected: list[Any]) -> None:
    equal(model().score(QUESTION, "\n\n".join(CANDIDATES[0])), expected[:1])


@pytest.mark.parametrize(
    ("questions", "candidates", "error", "message"),
    [
        (QUESTION, [], ValueError, r"candidates must be at least one candidate, got \[\]"),
        (
            ["a", "b"],
            [["c"], []],
            ValueError,
            r"candidates\[1\] must be at least one candidate, got \[\]",
        ),
        (["a", "b"], [["c"]], ValueError, "candidates must be one list for each of 2 questions"),
        (["a"], "c", TypeError, "candidates must be a list with one list a question"),
        (3, ["c"], TypeError, "questions must be a text, its token ids, or a list of them"),
        ([3.5], [["c"]], TypeError, r"questions\[0\] must be a text or its token ids"),
        (["a"], [7], TypeError, r"candidates\[0\] must be a list of candidates"),
        (["a"], [[None]], TypeError, r"candidates\[0\]\[0\] must be"),
        ("a", [[]], ValueError, r"candidates\[0\] must be"),
        ("a", [["b", " "]], ValueError, r"candidates\[0\]\[1\] must be"),
        ("a", ["\n\n"], ValueError, r"candidates\[0\] must be"),
        (" ", ["b"], ValueError, "questions must be"),
        (["a", "\t"], [["b"], ["c"]], ValueError, r"questions\[1\] must be"),
        ([1, 2, 99999], [[[5, 6]]], ValueError, r"candidates\[0\] must be token ids below"),
        ("a", ["b" * 5000], ValueError, r"candidates\[0\] must have at most \d+ tokens .* got 50"),
    ],
)
def test_refusals(questions: Any, candidates: Any, error: Any, message: str) -> None:
    with pytest.raises(error, match=message):
        model().score(questions, candidates)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"max_tokens": 0}, "max_tokens must be at least 1, got 0"),
        ({"cache_memory": -1}, "cache_memory must be at least 0, got -1"),
        ({"format": "versa"}, "format must be one of"),
        ({"share": 1}, "share must be a bool, got 1"),
    ],
)
def test_refused_options(options: Any, message: str) -> None:
    with pytest.raises((ValueError, TypeError), match=message):
        model(**options)


def test_a_model_object_without_a_tokenizer_is_refused() -> None:
    with pytest.raises(ValueError, match="tokenizer must be given, got None: the model is an obj"):
        RewardModel(tiny_model())


def poisoned(token: str) -> RewardModel:
    """A model whose logits are NaN behind a letter."""
    module = tiny_model().double()
    module.model.embed_tokens.weight.data[ord(token)] = torch.nan
    return RewardModel(module, ByteTokenizer())


def test_logits_that_are_not_finite_are_an_error() -> None:
    own = poisoned("Z")
    with pytest.raises(ValueError, match=r"candidates\[1\]: the logits of step . must be finite"):
        own.score("a", [["b"], ["c", "Z", "d"]])
    # Others are not affected, and the model runs on.
    assert np.isfinite(own.score("a", [["b"]])[0]).all()


@pytest.mark.parametrize("shape", [(4,), (3, 1)])
def test_a_format_that_scores_other_than_each_step_is_refused(shape: Any) -> None:
    def build(_: Any, question: Any, steps: Any) -> list[Any]:
        return [question, *(piece for step in steps for piece in (step, Mark("\n")))]

    form = Format("mine", build, score=lambda _: torch.zeros(shape))
    message = rf"format 'mine' must score each of 3 steps, got shape \[{shape[0]}"
    with pytest.raises(ValueError, match=message):
        model(format=form).score("a", [["b", "c", "d"]])


def test_scores_are_yielded_as_pairs_are_read() -> None:
    read = []

    def pairs() -> Iterator[tuple[str, list[str]]]:
        for number in range(300):
            read.append(number)
            yield f"{number} + {number}?", [str(2 * number)]

    own = model(max_tokens=64)
    scores = own.iter_scores(pairs())
    first = next(scores)
    assert len(read) < 300
    rest = list(scores)
    assert len(rest) == 299
    (alone,) = own.score("0 + 0?", ["0"])
    np.testing.assert_allclose(first[0], alone, rtol=0, atol=1e-9)


def test_what_was_read_before_an_error_is_yielded() -> None:
    scores = model().iter_scores([("a", ["b"]), ("c", ["d"]), ("e", [])])
    assert len(next(scores)) == 1
    assert len(next(scores)) == 1
    with pytest.raises(ValueError, match=r"candidates\[2\] must be at least one candidate"):
        next(scores)


@pytest.mark.parametrize("pair", [("a",), "ab", None, ("a", ["b"], "c")])
def test_pairs_are_pairs(pair: Any) -> None:
    with pytest.raises(TypeError, match=r"pairs\[1\] must be a question with its candidates"):
        list(model().iter_scores([("a", ["b"]), pair]))


def test_the_first_scores_need_few_pairs() -> None:
    read = itertools.count()
    pairs = ((f"{at} + {at}?", ["b"]) for at in read)
    next(model(max_tokens=64).iter_scores(pairs))
    assert next(read) < 10


def test_no_copy_no_pickle() -> None:
    own = model()
    for take in (copy.copy, copy.deepcopy, pickle.dumps):
        with pytest.raises(TypeError, match="make one in each process"):
            take(own)


def test_a_long_text_does_not_keep_the_loop_busy() -> None:
    class Slow(ByteTokenizer):
        def encode(self, text: str) -> list[int]:
            if len(text) > 100:
                time.sleep(0.5)
            return super().encode(text)

    async def main() -> int:
        turns = 0
        async with RewardModel(tiny_model(), Slow()) as own:
            task = asyncio.create_task(own.ascore(QUESTION, ["1" * 200]))
            while not task.done():
                turns += 1
                await asyncio.sleep(0.01)
            await task
        return turns

    assert asyncio.run(main()) > 10


def test_tasks_share_passes_and_get_their_own(expected: list[Any]) -> None:
    async def main() -> Any:
        async with model() as own:
            found = await asyncio.gather(*(own.ascore(QUESTION, [one]) for one in CANDIDATES))
            with pytest.raises(ValueError, match="candidates must be at least one"):
                await own.ascore(QUESTION, [])
        with pytest.raises(ClosedError):
            await own.ascore(QUESTION, CANDIDATES)
        return found

    equal([scores for (scores,) in asyncio.run(main())], expected)


def test_threads_get_their_own(expected: list[Any]) -> None:
    own, found = model(cache_memory=2**20), {}

    def work(at: int) -> None:
        for _ in range(5):
            found[at] = own.score(QUESTION, [CANDIDATES[at % 3]])

    threads = [threading.Thread(target=work, args=(at,)) for at in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    equal([found[at][0] for at in range(6)], expected * 2)


def failing(monkeypatch: pytest.MonkeyPatch, error: BaseException, calls: int) -> None:
    """Lets the first passes fail inside attention."""
    left = [calls]
    original = attention

    def broken(*arguments: Any) -> Any:
        if left[0]:
            left[0] -= 1
            raise error
        return original(*arguments)

    monkeypatch.setattr("multibin.reward._scorer.packed.attention", broken)


def test_passes_are_smaller_after_a_lack_of_memory(
    monkeypatch: pytest.MonkeyPatch, expected: list[Any]
) -> None:
    own = model(max_tokens=64)
    failing(monkeypatch, torch.OutOfMemoryError("no memory"), 2)
    equal(own.score(QUESTION, CANDIDATES), expected)
    assert own._scorer._groups._limit.tokens == LEAST


def test_a_lack_of_memory_that_stays_is_raised(monkeypatch: pytest.MonkeyPatch) -> None:
    own = model()
    failing(monkeypatch, torch.OutOfMemoryError("no memory"), 1000)
    with pytest.raises(torch.OutOfMemoryError):
        own.score(QUESTION, CANDIDATES)


@pytest.mark.parametrize("memory", [0, 2**24])
@pytest.mark.parametrize("error", [RuntimeError("broken"), KeyboardInterrupt()])
def test_a_pass_that_fails_leaves_nothing_behind(
    monkeypatch: pytest.MonkeyPatch, expected: list[Any], error: BaseException, memory: int
) -> None:
    own = model(cache_memory=memory, max_tokens=32)
    own.score(QUESTION, CANDIDATES[:1])
    failing(monkeypatch, error, 1)
    with pytest.raises(type(error)):
        own.score(QUESTION, CANDIDATES[1:])
    equal(own.score(QUESTION, CANDIDATES), expected)


@pytest.mark.usefixtures("interruptible")
def test_ctrl_c_ends_a_call(expected: list[Any]) -> None:
    own = model(max_tokens=1)
    timer = threading.Timer(0.2, signal.raise_signal, (signal.SIGINT,))
    timer.start()
    with pytest.raises(KeyboardInterrupt):
        list(own.iter_scores(itertools.repeat((QUESTION, CANDIDATES))))
    timer.join()
    equal(own.score(QUESTION, CANDIDATES), expected)


def test_the_model_is_as_it_was(expected: list[Any]) -> None:
    module = tiny_model().double()
    own = RewardModel(module, ByteTokenizer())
    module.train()
    before = dict(vars(module.lm_head))
    equal(own.score(QUESTION, CANDIDATES), expected)
    assert module.training
    assert module.lm_head.training
    assert vars(module.lm_head) == before
    assert module.config._attn_implementation == "sdpa"


def test_kept_states_stay_within_their_memory() -> None:
    own = model(cache_memory=100_000)
    for number in range(8):
        own.score(f"{number} {QUESTION}", CANDIDATES)
        assert 0 < own.stats()["cached_bytes"] <= 100_000
    own.forget()
    assert own.stats()["cached_bytes"] == 0


def test_changed_weights_need_forget(expected: list[Any]) -> None:
    own = model(cache_memory=2**24)
    own.score(QUESTION, CANDIDATES)
    with torch.no_grad():
        own.model.model.layers[0].self_attn.q_proj.weight.mul_(3)
    own.forget()
    changed = own.score(QUESTION, CANDIDATES)
    equal(RewardModel(own.model, ByteTokenizer()).score(QUESTION, CANDIDATES), changed)
    assert not np.allclose(changed[0], expected[0])


def test_stats_count_what_is_shared() -> None:
    own, plain = model(), model(share=False)
    for one in (own, plain):
        one.score(QUESTION, CANDIDATES)
    ours, theirs = own.stats(), plain.stats()
    assert (ours["candidates"], ours["steps"]) == (3, 6)
    assert ours["tokens"] == theirs["tokens"] == theirs["computed_tokens"]
    # The question and its mark, for the second and the third candidate.
    assert ours["computed_tokens"] <= ours["tokens"] - 2 * len(QUESTION)
    assert ours["way"] == "packed"


def test_equal_candidates_are_computed_once() -> None:
    own = model()
    found = own.score(QUESTION, [CANDIDATES[0]] * 10)
    equal(found, [found[0]] * 10)
    assert own.stats()["computed_tokens"] * 10 == own.stats()["tokens"]


def test_long_candidates_are_cut_into_pieces() -> None:
    candidates = [["1 + 1 = 2. " * times] for times in (40, 37, 22, 40)]
    candidates[3][0] += "So 2."
    found, alone = (model(share=share).score(QUESTION, candidates) for share in (True, False))
    equal(found, alone)
    kept = model(cache_memory=2**26)
    for count in (1, 4, 2):
        equal(kept.score(QUESTION, candidates[:count]), alone[:count])


def test_groups_with_one_question_share_it() -> None:
    questions = [f"{number} {QUESTION}" for number in range(4)]
    together, apart = model(max_tokens=128), model(max_tokens=128)
    whole = together.score(questions, [CANDIDATES] * 4)
    # One group a candidate, and the questions in turn.
    single = apart.score(questions * 3, [[one] for one in CANDIDATES for _ in questions])
    for at, scores in enumerate(whole):
        equal([single[at + 4 * one][0] for one in range(3)], scores)
    assert apart.stats()["computed_tokens"] < 1.5 * together.stats()["computed_tokens"]


def segments() -> int:
    return sum(type(one) is Segment for one in gc.get_objects())


def test_nothing_of_a_call_waits_for_the_garbage_collector() -> None:
    own = model()
    gc.collect()
    gc.disable()
    try:
        before = segments()
        own.score(QUESTION, CANDIDATES)
        # The root of the next call's tree is there.
        assert segments() <= before + 1
    finally:
        gc.enable()
