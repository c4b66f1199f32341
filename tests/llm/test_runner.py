"""The runner by hand: limits, parking, passes, counts, times, stale slots."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from tests.llm.runs import (
    Ends,
    assert_settled,
    executor,
    finish,
    open_runner,
    prompt,
    request,
    run,
    small,
    submit,
    text,
)
from torch.multiprocessing import reductions

import multibin
from multibin.llm._engine.executor import Executor
from multibin.llm._engine.request import Request
from multibin.llm._engine.runner import Runner
from multibin.llm._engine.schedule import Policy, to_edges

PROMPTS = [prompt(n, 7) for n in (5, 30, 1, 17, 9, 24)]

FIFO = Policy(scheduling="fifo", batch_size=8)


def make(budgets: list[int], prompts: list[list[int]] | None = None) -> list[Request]:
    return [
        request(key, tokens, budget)
        for key, (tokens, budget) in enumerate(
            zip(prompts or PROMPTS[: len(budgets)], budgets, strict=True)
        )
    ]


def assert_exact(requests: list[Request]) -> None:
    for one in requests:
        assert one.tokens == text(one.prompt_tokens, one.budget)
        assert one.finish_reason == "length"


@pytest.fixture(params=[False, True], ids=["own attention", "masked"])
def engine(request: pytest.FixtureRequest) -> Executor:
    """An executor whose arena grows."""
    return executor(masked=request.param)


def test_rows_leave_as_they_finish(engine: Executor) -> None:
    requests = make([7, 1, 12, 3, 3, 20])
    ended: list[int] = []

    def note(_: Runner, __: int) -> None:
        ended.extend(r.key for r in requests if r.finish_reason and r.key not in ended)

    runner = run(engine, FIFO, requests, between=note)
    assert_exact(requests)
    assert [len(requests[key].tokens) for key in ended] == sorted([7, 1, 12, 3, 3, 20])
    assert (runner.work.prefills, runner.work.steps) == (1, 19)
    assert runner.work.rows_computed == 46


def test_a_limit_parks_what_is_unfinished(engine: Executor) -> None:
    requests = make([3, 4, 5, 30])
    policy = Policy(batch_size=8, edges=to_edges([0, 4, 40]))
    parked: list[int] = []

    def note(_: Runner, __: int) -> None:
        for row in engine.memory.parked:
            owner = next(r for r in requests if r.row is row)
            # The last token is not fed yet.
            assert row.cached == owner.cached == len(owner.prompt_tokens) + 3
            parked.append(owner.key)

    runner = run(engine, policy, requests, between=note)
    assert_exact(requests)
    assert sorted(parked) == [2, 3]
    assert engine.memory.counts.parked == 2
    assert runner.work.prefills == 1
    assert [record.tokens for record in runner.records] == [(3, 4, 4, 4), (1, 26)]
    assert [record.rows_computed for record in runner.records] == [15, 27]


def test_new_rows_and_rows_of_several_batches_share_one(engine: Executor) -> None:
    policy = Policy(batch_size=5, edges=to_edges([0, 5, 14, 40]))
    first, second = make([40, 30, 20], PROMPTS[:3]), make([25, 35, 15], PROMPTS[3:])
    for one in second:
        one.key += 3
    requests = first + second
    ends = Ends(requests)
    with open_runner(engine, policy, requests) as runner:
        submit(runner, first)
        for _ in range(5):
            runner.step(0)
        submit(runner, second, [25, 35, 15])
        runner.close()
        finish(runner)
        assert_settled(engine)
    assert_exact(requests)
    assert set(ends.count.values()) == {1}
    assert any(0 in r.progress and any(r.progress) for r in runner.records)


def test_a_limit_of_one_is_a_prompt_alone(engine: Executor) -> None:
    requests = make([5, 1, 5])
    runner = run(engine, Policy(batch_size=8, edges=to_edges([0, 1, 40])), requests)
    assert_exact(requests)
    assert [(r.prefills, r.decode_steps, r.tokens) for r in runner.records] == [
        (1, 0, (1, 1, 1)),
        (0, 4, (4, 4)),
    ]


def test_the_arena_grows_under_a_running_batch(engine: Executor) -> None:
    engine.arena.grow(40)
    requests = make([40, 40, 30], PROMPTS[:3])
    sizes = set()
    run(engine, FIFO, requests, between=lambda *_: sizes.add(engine.arena.space.size))
    assert_exact(requests)
    assert len(sizes) > 1
    assert engine.memory.counts.climbs


@pytest.mark.parametrize("most", [1, 7, 40])
def test_prompts_run_in_passes_of_bounded_size(
    engine: Executor, most: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    requests = make([6] * 6)
    sizes: list[tuple[int, int]] = []
    prompts = engine.prompts

    def counted(chunks: Any, **options: Any) -> Any:
        lengths = [len(chunk.tokens) for chunk in chunks]
        padded = sum(lengths) if engine.model.attends else max(lengths) * len(lengths)
        sizes.append((len(chunks), padded))
        return prompts(chunks, **options)

    monkeypatch.setattr(engine, "prompts", counted)
    runner = run(engine, Policy(scheduling="fifo", max_prefill_tokens=most), requests)
    assert_exact(requests)
    # Attention of the model's own takes a prompt in one pass.
    alone = not engine.model.attends
    assert all(size <= most or (alone and rows == 1) for rows, size in sizes)
    assert runner.work.prefills == len(sizes) > 1
    assert runner.work.prefill_tokens == sum(map(len, PROMPTS))


def test_prompt_passes_and_decode_steps_take_turns() -> None:
    """A long prompt does not stop the rows that run."""
    engine = executor()
    requests = make([30, 3], [PROMPTS[2], PROMPTS[1]])
    ran: list[tuple[int, int]] = []
    policy = Policy(scheduling="continuous", max_prefill_tokens=3)

    def note(runner: Runner, _: int) -> None:
        ran.append((runner.work.prefills, runner.work.steps))

    run(engine, policy, requests, between=note)
    assert_exact(requests)
    assert ran[:6] == [(1, 0), (1, 1), (2, 1), (2, 2), (3, 2), (3, 3)]


def test_times_are_taken_when_things_happen() -> None:
    requests = make([2, 9, 30], PROMPTS[:3])
    run(executor(), Policy(scheduling="fifo", batch_size=2), requests)
    for one in requests:
        assert one.arrival_time <= one.first_token_time <= one.finished_time
    assert requests[0].finished_time < requests[2].first_token_time
    assert requests[1].finished_time < requests[2].finished_time


def test_a_request_without_a_token_has_no_first_one() -> None:
    requests = make([5])
    run(executor(), FIFO, requests, ttls=[1e-9])
    assert requests[0].finish_reason == "expired"
    assert math.isnan(requests[0].first_token_time)
    assert requests[0].finished_time > requests[0].arrival_time


def test_only_one_position_a_row_meets_the_vocabulary(engine: Executor) -> None:
    shapes = []
    hook = small().lm_head.register_forward_hook(
        lambda _module, inputs, _output: shapes.append(inputs[0].shape[:-1].numel())
    )
    try:
        run(engine, FIFO, make([2] * 4))
    finally:
        hook.remove()
    assert shapes == [4, 4]


def test_one_hook_serves_all_engines_and_does_nothing_outside_their_passes(
    engine: Executor,
) -> None:
    executor()
    run(engine, FIFO, make([2, 2]))
    assert len(small().lm_head._forward_pre_hooks) == 1
    with torch.no_grad():
        assert small()(torch.tensor([[1, 2, 3]])).logits.shape == (1, 3, 29)


def test_stale_slots_and_padding_change_nothing(engine: Executor) -> None:
    """Short rows in slots that long rows used, beside a long one."""
    run(engine, FIFO, make([40] * 6))
    requests = make([20] * 4, [[3], [4, 5], prompt(40), [6]])
    run(engine, FIFO, requests)
    assert_exact(requests)


def test_overflow_of_one_run_stays_out_of_the_next(engine: Executor) -> None:
    """NaN behind a mask is still NaN: 0 · NaN."""
    run(engine, FIFO, make([40] * 6))
    with torch.inference_mode():
        engine.arena.storage.fill_(torch.nan)
    requests = make([20, 30, 9, 12])
    run(engine, Policy(batch_size=3, edges=to_edges([0, 8, 40])), requests)
    assert_exact(requests)


def test_statistics_add_up() -> None:
    engine = executor(96, host=1000)
    requests = make([40, 30, 20, 25, 35, 15])
    runner = run(engine, Policy(batch_size=3, edges=to_edges([0, 5, 14, 40])), requests)
    assert_exact(requests)
    stats = runner.stats()
    fed = sum(len(r.prompt_tokens) + len(r.tokens) - 1 for r in requests)
    assert stats["rows_running"] == stats["rows_joining"] == stats["rows_parked_device"] == 0
    assert stats["prefill_tokens"] == sum(map(len, PROMPTS))
    assert fed == stats["prefill_tokens"] + stats["rows_computed"] - 6
    assert 0 < stats["positions_used"] <= stats["positions_allocated"]
    assert stats["restored"] == stats["offloaded"] > 0
    assert stats["bytes_host"] == stats["arena_bytes_used"] == 0
    assert not stats["classes"]


def test_rows_that_wait_are_parked_offloaded_and_recomputed() -> None:
    """The same run with all the memory, with some in the host, and with none."""
    policy = Policy(batch_size=3, edges=to_edges([0, 5, 14, 40]))
    counts = []
    for engine in (executor(4000), executor(96, host=1000), executor(96)):
        requests = make([40, 30, 20, 25, 35, 15])
        runner = run(engine, policy, requests)
        assert_exact(requests)
        counts.append(engine.memory.counts)
        recomputed = runner.work.prefill_tokens - sum(map(len, PROMPTS))
        assert bool(recomputed) == bool(engine.memory.counts.dropped)
    roomy, host, tight = counts
    assert roomy.parked
    assert not roomy.offloaded
    assert not roomy.dropped
    assert host.offloaded
    assert tight.dropped
    assert not tight.offloaded


def test_the_row_that_joined_last_is_preempted() -> None:
    """Its slot is the larger one; the first row would go if the arena were looked at alone."""
    engine = executor(144)
    requests = make([40, 40], [prompt(40, 1), prompt(30, 1)])
    lost: list[list[int]] = []

    def note(runner: Runner, _: int) -> None:
        if runner.work.preempted > len(lost):
            lost.append([r.key for r in requests if r.row.slot is None])

    runner = run(engine, FIFO, requests, between=note)
    assert_exact(requests)
    assert runner.work.preempted
    assert lost[0] == [1]


@pytest.mark.parametrize("scheduling", ["fifo", "multibin", "continuous"])
def test_a_full_scheduler_takes_everything_back(scheduling: Any) -> None:
    engine = executor()
    policy = Policy(scheduling=scheduling, batch_size=3)
    first, second = make([5] * 3), make([6] * 3)
    for one in second:
        one.key += 10
    ends = Ends(first + second)
    with open_runner(engine, policy, first, capacity=4) as runner:
        submit(runner, first)
        with pytest.raises(multibin.FullError):
            submit(runner, second)
        for _ in range(10):
            runner.step(0)
        assert all(r.finish_reason for r in first)
        submit(runner, second[:1])
        runner.close()
        with pytest.raises(multibin.ClosedError):
            submit(runner, second[1:])
        finish(runner)
        assert_settled(engine)
    assert_exact([*first, second[0]])
    assert [ends.count[key] for key in (0, 1, 2, 10, 11, 12)] == [1, 1, 1, 1, 0, 0]


def test_what_a_failed_submit_left_in_a_batch_leaves(monkeypatch: pytest.MonkeyPatch) -> None:
    """The engine takes requests while their call is being refused."""
    engine = executor()
    first, second = make([5] * 2), make([9] * 3)
    for one in second:
        one.key += 10
    ends = Ends(first + second)
    policy = Policy(scheduling="continuous", batch_size=8)
    with open_runner(engine, policy, first, capacity=8) as runner:
        withdraw = runner._withdraw

        def late(*arguments: Any) -> None:
            for _ in range(4):
                runner.step(0)
            withdraw(*arguments)

        monkeypatch.setattr(runner, "_withdraw", late)
        submit(runner, first)
        many = runner.scheduler.submit_many

        class Refusing:
            """A scheduler that has room for two requests of a call."""

            def __getattr__(self, name: str) -> Any:
                return getattr(scheduler, name)

            def submit_many(self, keys: Any, lengths: Any, **_: Any) -> None:
                ticket = many(keys[:2], lengths[:2])
                raise multibin.FullError("full", 2, ticket)

        scheduler = runner.scheduler
        monkeypatch.setattr(runner, "scheduler", Refusing())
        with pytest.raises(multibin.FullError):
            submit(runner, second)
        runner.close()
        finish(runner)
        assert_settled(engine)
    assert_exact(first)
    assert [r.finish_reason for r in second] == ["abort", "abort", None]
    assert [ends.count[r.key] for r in first + second] == [1, 1, 0, 0, 0]


def test_an_arena_that_has_grown_leaves_no_old_tensor(engine: Executor) -> None:
    weak: Any = reductions.StorageWeakRef
    engine.arena.grow(40)
    old: list[Any] = []
    alive: list[int] = []
    grow = engine.arena.grow

    def growing(positions: int) -> None:
        old.append(weak(engine.arena.storage.untyped_storage()))
        grow(positions)
        alive.append(sum(not one.expired() for one in old))

    engine.arena.grow = growing  # type: ignore[method-assign]
    run(engine, FIFO, make([40, 40, 30], PROMPTS[:3]))
    assert len(alive) > 1
    assert not any(alive)
