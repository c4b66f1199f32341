"""Beginnings of prompts: computed once, shared exactly, forgotten with their rows."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from tests.llm.runs import WORDS, executor, prompt, request, run, text

from multibin.llm._engine import joining
from multibin.llm._engine import prefixes as module
from multibin.llm._engine.prefixes import BLOCK, Prefixes, common
from multibin.llm._engine.request import Request
from multibin.llm._engine.rows import Row
from multibin.llm._engine.runner import Runner
from multibin.llm._engine.schedule import Policy, to_edges
from multibin.llm._engine.space import Slot

SYSTEM = prompt(64, 1)

MODES = {
    "fifo": Policy(scheduling="fifo", batch_size=8),
    "climb": Policy(batch_size=8, edges=to_edges([0, 4, 40])),
    "continuous": Policy(scheduling="continuous", batch_size=8),
}


def cached_row(length: int) -> Row:
    row = Row()
    row.slot, row.cached = Slot(0, length), length
    return row


def make(prompts: list[list[int]], budget: int = 8, **options: Any) -> list[Request]:
    return [request(key, tokens, budget, **options) for key, tokens in enumerate(prompts)]


def assert_exact(requests: list[Request]) -> None:
    for one in requests:
        assert one.tokens == text(one.prompt_tokens, one.budget)


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [([], [], 0), ([1], [], 0), ([1, 2], [1, 2, 3], 2), ([1, 2, 3], [1, 3, 3], 1), ([4], [5], 0)],
)
def test_common(one: list[int], other: list[int], expected: int) -> None:
    assert common(one, other) == common(other, one) == expected


def test_the_longest_beginning_is_found_to_the_token() -> None:
    found, short, long = Prefixes(), cached_row(40), cached_row(90)
    found.add(short, prompt(40, 1))
    found.add(long, [*SYSTEM, *prompt(26, 2)])
    shared = found.longest([*SYSTEM, *prompt(10, 2)[:4], 28, 28])
    assert shared is not None
    assert shared.row is long
    assert shared.positions >= 64
    # The last token is computed: its logits are wanted.
    whole = found.longest(SYSTEM)
    assert whole is not None
    assert whole.positions == 63
    assert found.longest(SYSTEM[: BLOCK - 1]) is None
    assert found.longest(SYSTEM[:BLOCK]) is None
    assert found.longest(prompt(64, 3)) is None


def test_rows_without_a_slot_or_with_little_cached_are_not_shared() -> None:
    found, row = Prefixes(), cached_row(64)
    found.add(row, SYSTEM)
    row.cached = 40
    shared = found.longest([*SYSTEM, 1])
    assert shared is not None
    assert shared.positions == 40
    row.cached = BLOCK - 1
    assert found.longest([*SYSTEM, 1]) is None
    row.cached, row.slot = 64, None
    assert found.longest([*SYSTEM, 1]) is None


def test_a_row_is_forgotten_unless_another_has_taken_its_place() -> None:
    found, one, other = Prefixes(), cached_row(64), cached_row(64)
    found.add(one, SYSTEM)
    found.add(other, SYSTEM)
    found.remove(one, SYSTEM)
    shared = found.longest([*SYSTEM, 1])
    assert shared is not None
    assert shared.row is other
    found.remove(other, SYSTEM)
    assert not found._found


def colliding(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lets all beginnings of one length have the same hash."""
    real = module._beginnings

    def beginnings(tokens: Any) -> Any:
        return ((length, 0) for length, _ in real(tokens))

    monkeypatch.setattr(module, "_beginnings", beginnings)


def test_equal_hashes_of_unlike_prompts_share_what_is_equal(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    colliding(monkeypatch)
    found, row = Prefixes(), cached_row(64)
    found.add(row, SYSTEM)
    assert found.longest(prompt(64, 3)) is None
    half = found.longest([*SYSTEM[:40], *prompt(40, 3)])
    assert half is not None
    assert half.positions == common(SYSTEM, [*SYSTEM[:40], *prompt(40, 3)])


@pytest.mark.parametrize("mode", MODES)
def test_colliding_prompts_run_exactly(mode: str, monkeypatch: pytest.MonkeyPatch) -> None:
    colliding(monkeypatch)
    requests = make(
        [SYSTEM, prompt(64, 2), [*SYSTEM[:33], *prompt(31, 3)], [*SYSTEM, 1], prompt(80, 2)]
    )
    run(executor(), MODES[mode], requests)
    assert_exact(requests)


@pytest.mark.parametrize("mode", MODES)
def test_samples_of_a_prompt_compute_it_once(mode: str) -> None:
    engine, requests = executor(), make([SYSTEM] * 6)
    runner = run(engine, MODES[mode], requests)
    assert_exact(requests)
    # Of the others, the last token.
    assert runner.work.prefill_tokens == 64 + 5
    assert runner.work.prefills == 2
    assert engine.memory.counts.shared == 5 * 63


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("most", [None, 10])
def test_a_common_beginning_is_computed_once(mode: str, most: int | None) -> None:
    engine = executor()
    requests = make([[*SYSTEM, *prompt(at + 1, 4)[at:]] for at in range(6)])
    runner = run(engine, replace(MODES[mode], max_prefill_tokens=most), requests)
    assert_exact(requests)
    assert runner.work.prefill_tokens == 64 + 6
    assert engine.memory.counts.shared == 5 * 64


def test_a_later_request_shares_with_one_that_has_ended() -> None:
    engine = executor()
    requests = make([[*SYSTEM, at % 29, 3] for at in range(6)], budget=3)
    policy = Policy(scheduling="continuous", batch_size=2)
    runner = run(engine, policy, requests)
    assert_exact(requests)
    assert runner.work.prefill_tokens == 64 + 6 * 2


def test_a_prompt_whose_log_probabilities_are_wanted_is_computed() -> None:
    engine = executor()
    requests = [request(0, SYSTEM, 4), request(1, SYSTEM, 4, prompt_logprobs=0)]
    runner = run(engine, MODES["continuous"], requests)
    assert_exact(requests)
    assert runner.work.prefill_tokens == 128
    reported = requests[1].prompt_logprobs()
    assert reported is not None
    assert len(reported) == 64


def test_the_masked_way_shares_nothing() -> None:
    engine, requests = executor(masked=True), make([SYSTEM] * 3)
    runner = run(engine, MODES["fifo"], requests)
    assert_exact(requests)
    assert runner.work.prefill_tokens == 3 * 64


@pytest.mark.parametrize("host", [0, 500])
@pytest.mark.parametrize("mode", MODES)
def test_rows_are_evicted_while_others_share_from_them(mode: str, host: int) -> None:
    """The arena holds two rows of six."""
    engine = executor(200, host=host)
    requests = make([[*SYSTEM, at, 5] for at in range(6)], budget=30)
    runner = run(engine, MODES[mode], requests)
    assert_exact(requests)
    assert runner.work.preempted or engine.memory.counts.offloaded or engine.memory.counts.dropped
    assert engine.memory.counts.shared


@pytest.mark.parametrize("kept", [1, 4])
def test_the_index_holds_no_more_than_the_rows(kept: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Kept rows that make room, and rows that end, leave nothing behind."""
    monkeypatch.setattr(joining, "KEPT", kept)
    engine = executor(200)
    requests = make([[*prompt(64, at // 3), at % 29] for at in range(30)], budget=2)
    sizes = []

    def note(runner: Runner, _: int) -> None:
        found = runner._joining._prefixes._found
        rows = {row for row, _ in found.values()}
        alive = {one.row for one in requests if not one.finish_reason}
        assert rows <= alive | set(engine.memory.kept)
        sizes.append(len(found))

    run(engine, Policy(scheduling="continuous", batch_size=2), requests, between=note)
    assert_exact(requests)
    assert max(sizes) <= 2 * (kept + 2)


def test_long_prompts_are_compared_to_the_token() -> None:
    one = prompt(3000, 4)
    for at in (1023, 1024, 1025, 2999):
        other = [*one[:at], WORDS, *one[at + 1 :]]
        assert common(one, other) == at
    assert common(one, [*one, 1]) == 3000


def test_a_row_that_asks_again_does_not_read_its_prompt_again() -> None:
    class Prompt(list[int]):
        read = 0

        def __getitem__(self, at: Any) -> Any:
            self.read += 1
            return super().__getitem__(at)

    found, row, tokens = Prefixes(), Row(), Prompt(prompt(640, 4))
    assert found.longest(tokens, row) is None
    read = tokens.read
    for _ in range(9):
        assert found.longest(tokens, row) is None
    assert tokens.read == read
