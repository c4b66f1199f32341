"""How a call of `generate` ends: with what failed, with what expired, or with Ctrl-C."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from tests.llm.echo import EchoRunner

from multibin.errors import GenerationError
from multibin.llm import LLM, SamplingParams
from multibin.llm._engine.interrupts import Interrupts
from multibin.llm._load.tiny import ByteTokenizer, tiny_model


@pytest.fixture
def echoing(runner: EchoRunner, monkeypatch: pytest.MonkeyPatch) -> EchoRunner:
    """A runner that echoes, of every engine."""
    monkeypatch.setattr(LLM, "_runner", runner.makes())
    return runner


@pytest.fixture
def llm() -> LLM:
    return LLM(tiny_model(), ByteTokenizer(), batch_size=4)


def some(tokens: int, **others: Any) -> SamplingParams:
    return SamplingParams(max_tokens=tokens, ignore_eos=True, **others)


def test_others_run_to_their_ends_when_a_request_fails(echoing: EchoRunner, llm: LLM) -> None:
    echoing.broken = {1, 3}
    with pytest.raises(GenerationError, match=r"^2 of 5 prompts failed, the first with") as failed:
        llm.generate(["a", "b", "c", "d", "e"], some(3), use_tqdm=False)
    texts = [one and one.outputs[0].text for one in failed.value.outputs]
    assert texts == ["aaa", None, "ccc", None, "eee"]
    assert isinstance(failed.value.__cause__, ArithmeticError)
    assert "request 1 is broken" in str(failed.value.__cause__)


@pytest.mark.usefixtures("echoing")
def test_what_expires_has_no_text(llm: LLM) -> None:
    first, second = llm.generate(["a", "b"], some(3), ttls=[9, 0], use_tqdm=False)
    assert (first.outputs[0].text, first.outputs[0].finish_reason) == ("aaa", "length")
    assert (second.outputs[0].text, second.outputs[0].finish_reason) == ("", "expired")


@pytest.mark.usefixtures("echoing")
def test_each_continuation_has_what_its_prompt_is_given(llm: LLM) -> None:
    params = [some(3, n=2), some(3)]
    outputs = llm.generate(["a", "b"], params, ttls=[0, 9], use_tqdm=False)
    reasons = [[one.finish_reason for one in output.outputs] for output in outputs]
    assert reasons == [["expired", "expired"], ["length"]]


@pytest.mark.parametrize("name", ["priorities", "ttls"])
def test_numbers_that_are_not_one_a_prompt_are_refused(llm: LLM, name: str) -> None:
    message = rf"^{name} must hold one number for each of 2 prompts, got shape \(3,\)$"
    with pytest.raises(ValueError, match=message):
        llm.generate(["a", "b"], use_tqdm=False, **{name: [1, 2, 3]})  # type: ignore[arg-type]


def interrupt(llm: LLM, at: int) -> None:
    """Interrupts the main thread in the n-th pass of the model."""
    calls = 0

    def hook(*_: object) -> None:
        nonlocal calls
        calls += 1
        if calls == at:
            os.kill(os.getpid(), signal.SIGINT)

    handle = llm.model.register_forward_pre_hook(hook)
    try:
        with pytest.raises(KeyboardInterrupt):
            llm.generate(["a", "b", "c", "d", "e"], some(500), use_tqdm=False)
    finally:
        handle.remove()


@pytest.fixture
def python_signals() -> Iterator[None]:
    """Python's own handler of Ctrl-C: a run in the background inherits that it is ignored."""
    handler = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, handler)


@pytest.mark.usefixtures("python_signals")
@pytest.mark.parametrize("scheduling", ["multibin", "continuous"])
def test_ctrl_c_leaves_nothing_running(scheduling: Any) -> None:
    if threading.current_thread() is not threading.main_thread():
        pytest.skip("signals come to the main thread")
    handler = signal.getsignal(signal.SIGINT)
    llm = LLM(tiny_model(), ByteTokenizer(), batch_size=4, scheduling=scheduling)
    expected = llm.generate(["a", "b"], some(30, temperature=0), use_tqdm=False)
    for at in (1, 7, 30):
        interrupt(llm, at)
        assert not any(one["rows"] for one in llm.stats()["classes"])
        assert llm.stats()["rows_running"] == 0
        again = llm.generate(["a", "b"], some(30, temperature=0), use_tqdm=False)
        assert [one.outputs for one in again] == [one.outputs for one in expected]
    assert signal.getsignal(signal.SIGINT) is handler


@pytest.mark.usefixtures("python_signals")
def test_a_second_ctrl_c_is_raised_at_once() -> None:
    if threading.current_thread() is not threading.main_thread():
        pytest.skip("signals come to the main thread")
    with Interrupts():
        os.kill(os.getpid(), signal.SIGINT)
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGINT)


def test_a_handler_of_the_caller_is_left_alone() -> None:
    if threading.current_thread() is not threading.main_thread():
        pytest.skip("signals come to the main thread")
    seen: list[int] = []
    before = signal.signal(signal.SIGINT, lambda number, _: seen.append(number))
    try:
        with Interrupts() as interrupts:
            os.kill(os.getpid(), signal.SIGINT)
            interrupts.check()
    finally:
        signal.signal(signal.SIGINT, before)
    assert seen == [signal.SIGINT]
