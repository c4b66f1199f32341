"""Interrupts anywhere in a step, cancellations wherever a request is, and ends of a run."""

from __future__ import annotations

import gc
import signal
import sys
import warnings
from collections.abc import Iterator
from threading import Timer
from types import FrameType
from typing import Any

import pytest
import torch
from tests.llm.runs import (
    Ends,
    assert_empty,
    assert_settled,
    executor,
    finish,
    open_runner,
    request,
    run,
    submit,
    text,
)
from tests.llm.test_faults import POLICIES, PROMPTS, assert_exact, every_policy, make

from multibin.llm._engine.executor import Executor
from multibin.llm._engine.interrupts import Interrupts
from multibin.llm._engine.request import Request
from multibin.llm._engine.runner import Runner
from multibin.llm._engine.schedule import Policy, to_edges


@pytest.fixture
def lost_batches() -> Iterator[None]:
    """Lets batches be lost that an interrupt hit between the scheduler and the engine."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        yield
        gc.collect()


def interrupt_at(number: int) -> Any:
    """Returns a trace function that raises at a line of the engine, and the count of lines."""
    count = [0]

    def trace(frame: FrameType, event: str, _: object) -> Any:
        if "_engine" not in frame.f_code.co_filename:
            return None
        if event == "line":
            count[0] += 1
            if count[0] == number:
                raise KeyboardInterrupt
        return trace

    return trace, count


def interrupted_run(engine: Executor, policy: Policy, number: int) -> tuple[int, list[Request]]:
    """Runs until an interrupt at a line; returns the lines that ran, and the requests."""
    requests = make()
    ends = Ends(requests)
    trace, count = interrupt_at(number)
    before = sys.gettrace()
    try:
        with open_runner(engine, policy, requests) as runner:
            submit(runner, requests)
            runner.close()
            going = True
            while going:
                sys.settrace(trace)
                try:
                    going = runner.step(0)
                finally:
                    sys.settrace(before)
    except KeyboardInterrupt:
        # An interrupt right behind a listener's call lets it be told again.
        assert set(ends.count.values()) <= {1, 2}
        assert sum(ends.count.values()) <= len(requests) + 1
    return count[0], requests


@pytest.mark.usefixtures("lost_batches")
@pytest.mark.parametrize("policy", ["climb", "continuous"])
def test_an_interrupt_anywhere_leaves_the_engine_usable(policy: str) -> None:
    """Each run is interrupted at another line of the engine."""
    engine = executor(112, host=30)
    lines, requests = interrupted_run(engine, POLICIES[policy], -1)
    assert_exact(requests)
    for number in range(7, lines, lines // 40):
        _, requests = interrupted_run(engine, POLICIES[policy], number)
        assert_empty(engine)
        assert all(one.finish_reason for one in requests)
        assert_exact(requests, {r.key for r in requests if r.finish_reason == "abort"})
    requests = make()
    run(engine, POLICIES[policy], requests)
    assert_exact(requests)


def test_an_interrupt_while_the_arena_grows(monkeypatch: pytest.MonkeyPatch) -> None:
    engine, requests = executor(), make()
    hold = engine.arena._hold

    def interrupted(storage: torch.Tensor) -> None:
        hold(storage)
        raise KeyboardInterrupt

    with open_runner(engine, POLICIES["fifo"], requests) as runner:
        submit(runner, requests)
        monkeypatch.setattr(engine.arena, "_hold", interrupted)
        with pytest.raises(KeyboardInterrupt):
            runner.step(0)
        monkeypatch.undo()
    assert_empty(engine)
    requests = make()
    run(engine, POLICIES["fifo"], requests)
    assert_exact(requests)


def where(runner: Runner, one: Request) -> str:
    """Returns what a request does."""
    if one.finish_reason is not None:
        return "ended"
    if one in runner._running:
        return "running"
    if one in runner._joining._requests:
        return "joining"
    if one.row in runner.executor.memory.parked:
        return "parked"
    return "offloaded" if one.row.block is not None else "waiting"


@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("state", ["waiting", "joining", "running", "parked", "offloaded"])
def test_a_request_is_cancelled_wherever_it_is(state: str, masked: bool) -> None:
    engine, requests = executor(112, host=300, masked=masked), make()
    policy = Policy(batch_size=3, edges=to_edges([0, 4, 12, 40]), max_prefill_tokens=16)
    cancelled: list[Request] = []

    def cancel(runner: Runner, _: int) -> None:
        for one in requests:
            if not cancelled and where(runner, one) == state:
                cancelled.append(one)
                runner.cancel(one)
                runner.cancel(one)

    run(engine, policy, requests, between=cancel)
    assert [one.finish_reason for one in cancelled] == ["abort"]
    assert_exact(requests, {cancelled[0].key})


@every_policy
def test_a_listener_cancels_others_and_itself(policy: Policy) -> None:
    engine, requests = executor(), make()
    ends = Ends(requests)
    heard = requests[0].listener
    with open_runner(engine, policy, requests) as runner:

        def listener(one: Request) -> None:
            assert heard is not None
            heard(one)
            for other in (requests[0], requests[1], requests[3], requests[5]):
                runner.cancel(other)

        requests[0].listener = listener
        submit(runner, requests)
        runner.close()
        finish(runner)
        assert_settled(engine)
    assert_exact(requests, {0, 1, 3, 5})
    assert [requests[key].finish_reason for key in (0, 3)] == ["abort", "abort"]
    assert set(ends.count.values()) == {1}


@every_policy
@pytest.mark.parametrize("steps", [0, 1, 4, 12])
def test_what_is_left_is_aborted_at_the_end(
    policy: Policy, steps: int, caplog: pytest.LogCaptureFixture
) -> None:
    engine, requests = executor(112, host=30), make()
    ends = Ends(requests)
    with open_runner(engine, policy, requests) as runner:
        submit(runner, requests)
        for _ in range(steps):
            runner.step(0)
    del runner
    gc.collect()
    assert not [record for record in caplog.records if record.name == "multibin"]
    assert_empty(engine)
    assert set(ends.count.values()) == {1}
    assert {one.finish_reason for one in requests} <= {"abort", "length"}
    assert_exact(requests, {r.key for r in requests if r.finish_reason == "abort"})


@every_policy
def test_accepted_requests_run_on_behind_close(policy: Policy) -> None:
    requests = make()
    run(executor(112), policy, requests)
    assert_exact(requests)


def test_an_idle_step_returns_behind_its_timeout_and_the_end_is_known() -> None:
    engine = executor()
    with open_runner(engine, POLICIES["fifo"], make()) as runner:
        assert runner.step(0)
        assert runner.step(0.01)
        runner.close()
        assert not runner.step(None)
        assert not runner.step(None)


def test_a_request_that_waits_for_others_is_cancelled_without_them() -> None:
    """Its batch is never full, and the runner waits without end."""
    engine = executor()
    policy = Policy(batch_size=2, edges=to_edges([0, 4, 40]), fill="strict")
    requests = [request(0, PROMPTS[0], 20), request(1, [4], 2)]
    ends = Ends(requests)
    with open_runner(engine, policy, requests) as runner:
        submit(runner, requests)
        for _ in range(6):
            runner.step(0.01)
        assert list(engine.memory.parked) == [requests[0].row]
        canceller = Timer(0.05, runner.cancel, [requests[0]])
        canceller.start()
        for _ in range(100):
            runner.step(None)
            if requests[0].finish_reason is not None:
                break
        canceller.join()
        assert_settled(engine)
    assert ends.count == {0: 1, 1: 1}
    assert requests[0].tokens == text(PROMPTS[0], 20)[:4]


def test_a_ctrl_c_behind_the_last_step_is_raised() -> None:
    """It may come while what is left is aborted; another error goes first."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with pytest.raises(KeyboardInterrupt), Interrupts():
            signal.raise_signal(signal.SIGINT)
        held = Interrupts().__enter__()
        signal.raise_signal(signal.SIGINT)
        held.__exit__(ValueError)
    finally:
        signal.signal(signal.SIGINT, before)
