"""Passes, listeners and stop strings that fail, and a lack of memory."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
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

from multibin.llm import LLM, SamplingParams
from multibin.llm._engine.executor import Executor
from multibin.llm._engine.request import Request
from multibin.llm._engine.runner import Runner
from multibin.llm._engine.sampling import Sampler
from multibin.llm._engine.schedule import Policy, to_edges
from multibin.llm._load.failures import is_out_of_memory

SYSTEM = prompt(40, 5)
PROMPTS = [prompt(9), [*SYSTEM, 1], [4], [*SYSTEM, 2, 3], prompt(30), prompt(3)]
BUDGETS = [20, 9, 14, 30, 5, 1]

POLICIES = {
    "fifo": Policy(scheduling="fifo", batch_size=3),
    "climb": Policy(batch_size=3, edges=to_edges([0, 4, 12, 40])),
    "recompute": Policy(batch_size=3, edges=to_edges([0, 4, 12, 40]), overrun="recompute"),
    "continuous": Policy(scheduling="continuous", batch_size=3),
}

every_policy = pytest.mark.parametrize("policy", POLICIES.values(), ids=list(POLICIES))


def make(**options: Any) -> list[Request]:
    pairs = enumerate(zip(PROMPTS, BUDGETS, strict=True))
    return [request(key, tokens, budget, **options) for key, (tokens, budget) in pairs]


def assert_exact(requests: list[Request], but: set[int] = frozenset()) -> None:  # type: ignore[assignment]
    """Asserts that all are whole, except those of these keys, which are beginnings."""
    for one in requests:
        whole = text(one.prompt_tokens, one.budget)
        if one.key in but:
            assert one.tokens == whole[: len(one.tokens)]
        else:
            assert one.tokens == whole
            assert one.finish_reason == "length"


def failed(requests: list[Request]) -> set[int]:
    return {one.key for one in requests if one.finish_reason == "error"}


@contextmanager
def failing_pass(number: int, error: BaseException) -> Iterator[list[int]]:
    """Lets one forward pass of the model raise; yields the numbers of the passes."""
    passes: list[int] = []

    def hook(*_: object) -> None:
        passes.append(len(passes))
        if passes[-1] == number:
            raise error

    handle = small().model.register_forward_pre_hook(hook)
    try:
        yield passes
    finally:
        handle.remove()


@every_policy
@pytest.mark.parametrize("number", [0, 1, 2, 5, 9])
@pytest.mark.parametrize("masked", [False, True])
def test_an_error_in_a_pass_ends_its_rows_alone(policy: Policy, number: int, masked: bool) -> None:
    engine, requests = executor(masked=masked), make()
    error = RuntimeError("the model failed")
    with failing_pass(number, error):
        run(engine, policy, requests)
    assert 1 <= len(failed(requests)) <= 3
    assert all(one.error is error for one in requests if one.key in failed(requests))
    assert_exact(requests, failed(requests))
    again = make()
    run(engine, policy, again)
    assert_exact(again)


@every_policy
@pytest.mark.parametrize("when", [1, 2, 9])
def test_an_error_of_a_listener_is_that_of_its_request(policy: Policy, when: int) -> None:
    """The listener of the first request fails at a token, or with the last one."""
    engine, requests = executor(160), make()
    requests[1].budget = 9
    error = ValueError("the listener failed")
    calls: list[int] = []

    def failing(one: Request) -> None:
        calls.append(len(one.tokens))
        if len(calls) == when:
            raise error

    with open_runner(engine, policy, requests) as runner:
        ends = Ends(requests)
        requests[1].listener = failing
        submit(runner, requests)
        runner.close()
        finish(runner)
        assert_settled(engine)
    assert requests[1].error is error
    assert requests[1].finish_reason == ("length" if when == 9 else "error")
    assert_exact(requests, {1})
    assert [ends.count[key] for key in range(6)] == [1, 0, 1, 1, 1, 1]
    assert len(calls) == (when if when == 9 else when + 1)


@every_policy
def test_an_error_while_looking_for_a_stop_string_is_that_of_its_request(
    policy: Policy, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine, requests = executor(), make()
    error = RuntimeError("no such id")

    def find(_: bool) -> None:
        if len(requests[3].tokens) == 7:
            raise error

    monkeypatch.setattr(requests[3], "_find_stop", find)
    run(engine, policy, requests)
    assert failed(requests) == {3}
    assert requests[3].error is error
    assert_exact(requests, {3})


def test_an_error_while_prompt_log_probabilities_are_taken(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    engine, requests = executor(), make()
    requests[3] = request(3, PROMPTS[3], 30, prompt_logprobs=2)

    def take(_: torch.Tensor) -> None:
        raise RuntimeError("no")

    monkeypatch.setattr(requests[3], "take_prompt_logits", take)
    run(engine, POLICIES["fifo"], requests)
    assert failed(requests) == {3}
    assert_exact(requests, {3})


class Scarce:
    """Lets passes of an executor fail for lack of memory beyond so many tokens or rows."""

    def __init__(self, engine: Executor, tokens: int, rows: int) -> None:
        self.lacks = 0
        self._tokens, self._rows = tokens, rows
        self._engine, self._prompts, self._decode = engine, engine.prompts, engine.decode
        self._load, self._loaded = engine.load, 0
        engine.prompts = self.prompts  # type: ignore[method-assign]
        engine.decode = self.decode  # type: ignore[method-assign]
        engine.load = self.load  # type: ignore[method-assign]

    def _check(self, size: int, most: int) -> None:
        if size > most:
            self.lacks += 1
            raise torch.OutOfMemoryError("CUDA out of memory")

    def prompts(self, chunks: Any, **options: Any) -> torch.Tensor:
        lengths = [len(chunk.tokens) for chunk in chunks]
        packed = self._engine.model.attends
        self._check(sum(lengths) if packed else max(lengths) * len(lengths), self._tokens)
        return self._prompts(chunks, **options)

    def load(self, rows: Any, tokens: Any) -> None:
        self._loaded = len(rows)
        self._load(rows, tokens)

    def decode(self) -> torch.Tensor:
        logits = self._decode()
        # As where the sampler finds no memory: the pass has run.
        self._check(self._loaded, self._rows)
        return logits


@every_policy
@pytest.mark.parametrize(("tokens", "rows"), [(42, 2), (42, 1), (1000, 1)])
@pytest.mark.parametrize("masked", [False, True])
def test_a_lack_of_memory_makes_passes_smaller(
    policy: Policy, tokens: int, rows: int, masked: bool
) -> None:
    engine, requests = executor(masked=masked), make()
    # Rows that are recomputed have prompts of up to 72 tokens, which the masked way cannot split.
    scarce = Scarce(engine, 72 if masked and tokens == 42 else tokens, rows)
    run(engine, policy, requests)
    assert scarce.lacks
    assert_exact(requests)


def test_a_lack_of_memory_for_one_row_is_an_error() -> None:
    engine, requests = executor(), make()
    Scarce(engine, 1000, 0)
    run(engine, POLICIES["fifo"], requests)
    # One token comes with the prompt.
    assert failed(requests) == {0, 1, 2, 3, 4}
    assert all(isinstance(one.error, torch.OutOfMemoryError) for one in requests[:5])
    assert requests[5].tokens == text(PROMPTS[5], 1)


@pytest.mark.parametrize("masked", [False, True])
def test_a_prompt_that_no_pass_can_hold_is_an_error(masked: bool) -> None:
    engine, requests = executor(masked=masked), make()
    Scarce(engine, 10, 8)
    requests[0] = request(0, PROMPTS[0], 20, prompt_logprobs=0)
    requests[3] = request(3, PROMPTS[3], 30, prompt_logprobs=0)
    run(engine, POLICIES["fifo"], requests)
    assert failed(requests) == ({1, 3, 4} if masked else {3})
    assert_exact(requests, failed(requests))


def test_a_lack_of_memory_in_the_first_sampling_leaves_the_prompts_to_do(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    lacks: list[int] = []
    sample = Sampler.__call__

    def scarce(sampler: Sampler, logits: torch.Tensor) -> torch.Tensor:
        if not lacks:
            lacks.append(len(logits))
            raise torch.OutOfMemoryError("CUDA out of memory")
        return sample(sampler, logits)

    monkeypatch.setattr(Sampler, "__call__", scarce)
    requests = make()
    run(executor(), POLICIES["fifo"], requests)
    assert lacks == [3]
    assert_exact(requests)


def test_passes_and_rows_grow_back_after_a_lack_of_memory() -> None:
    engine = executor()
    policy = Policy(scheduling="continuous", batch_size=3)
    requests = [request(key, PROMPTS[key % 6], 40) for key in range(60)]
    scarce = Scarce(engine, 100, 2)

    def relax(_: Runner, number: int) -> None:
        if scarce.lacks and number == 20:
            scarce._rows = scarce._tokens = 1000

    runner = run(engine, policy, requests, between=relax)
    assert runner._most_rows == 3
    assert runner._joining.pass_tokens == 512
    assert_exact(requests)


@every_policy
@pytest.mark.parametrize("most", [0, 56, 100])
def test_an_arena_that_cannot_grow_refuses_what_has_no_room(
    policy: Policy, most: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = executor(masked=most == 100)
    grow = engine.arena.grow

    def scarce(positions: int) -> None:
        if positions > most:
            raise RuntimeError("[enforce fail at DefaultCPUAllocator]: not enough memory")
        grow(positions)

    requests = make()
    with monkeypatch.context() as patch:
        patch.setattr(engine.arena, "grow", scarce)
        run(engine, policy, requests)
    # It stops within three quarters of what it lacks.
    needs = {r.key for r in requests if len(r.prompt_tokens) + r.budget - 1 > most // 2}
    assert failed(requests) <= needs
    assert failed(requests) or most == 100
    assert all("bytes" in str(r.error) for r in requests if r.key in failed(requests))
    assert_exact(requests, failed(requests))
    # There may be more memory later.
    again = make()
    run(engine, policy, again)
    assert_exact(again)


def test_a_request_that_can_never_fit_is_refused_before_anything_runs() -> None:
    size = executor().arena.layout.position_bytes
    llm = LLM(small(), kv_cache_memory=60 * size)
    params = [SamplingParams(max_tokens=n, temperature=0) for n in (3, 20)]
    with failing_pass(-1, RuntimeError()) as passes:
        message = rf"needs 59 positions .*\({59 * size} bytes\), and there are 56 \({56 * size} b"
        with pytest.raises(ValueError, match=message):
            llm.generate([[1], [2] * 40], params, use_tqdm=False)
        assert not passes
        fits = llm.generate([[1], [2] * 37], params, use_tqdm=False)
    assert [len(one.outputs[0].token_ids) for one in fits] == [3, 20]


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (MemoryError(), True),
        (torch.OutOfMemoryError("CUDA out of memory"), True),
        # Of pinned memory of the host.
        (RuntimeError("CUDA error: out of memory\nCompile with TORCH_USE_CUDA_DSA"), True),
        (RuntimeError("CUDA error: an illegal memory access was encountered"), False),
        (ValueError("CUDA error: out of memory"), False),
    ],
)
def test_which_errors_are_a_lack_of_memory(error: Exception, expected: bool) -> None:
    assert is_out_of_memory(error) is expected
