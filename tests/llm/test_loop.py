"""The loop on batches made by hand: limits, parking, compaction, counts."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Sequence
from typing import Any

import pytest
import torch
from tests.llm.greedy import Reference

from multibin.llm import SamplingParams
from multibin.llm._engine import loop as loop_module
from multibin.llm._engine import prefill as prefill_module
from multibin.llm._engine.loop import Loop, Work
from multibin.llm._engine.prefill import prefill_groups
from multibin.llm._engine.probe import try_out
from multibin.llm._engine.request import Request
from multibin.llm._load.models import Model, load


@pytest.fixture(scope="module")
def loaded(llama: Any) -> Model:
    return load(llama)


@pytest.fixture
def loop(loaded: Model) -> Loop:
    with torch.inference_mode():
        return Loop(*try_out(loaded))


def make(prompts: list[list[int]], budgets: list[int], eos: int | None = None) -> list[Request]:
    return [
        Request(
            key,
            None,
            prompt,
            SamplingParams(max_tokens=budget, temperature=0),
            budget=budget,
            eos=frozenset() if eos is None else frozenset({eos}),
            tokenizer=None,
        )
        for key, (prompt, budget) in enumerate(zip(prompts, budgets, strict=True))
    ]


def run(loop: Loop, requests: Sequence[Request], limit: int | None) -> tuple[Work, list[int]]:
    finished: list[int] = []
    with torch.inference_mode():
        work = loop.run(requests, limit, lambda request: finished.append(request.key))
    return work, finished


def test_rows_leave_as_they_finish(
    loop: Loop, llama: Any, prompts: list[list[int]], reference: Reference
) -> None:
    budgets = [7, 1, 12, 3, 3, 20]
    requests = make(prompts[:6], budgets)
    work, finished = run(loop, requests, None)
    assert [r.tokens for r in requests] == reference(llama, prompts[:6], budgets)
    assert [len(requests[key].tokens) for key in finished] == sorted(budgets)
    assert work == Work(prefills=1, decode_steps=19, rows=sum(budgets))
    assert all(r.parked is None and r.finish_reason == "length" for r in requests)


def test_a_limit_parks_what_is_unfinished(
    loop: Loop, llama: Any, prompts: list[list[int]], reference: Reference
) -> None:
    budgets = [3, 4, 5, 30]
    requests = make(prompts[:4], budgets)
    work, finished = run(loop, requests, 4)
    assert finished == [0, 1]
    assert work == Work(prefills=1, decode_steps=3, rows=3 + 4 + 4 + 4)
    assert [r.parked is None for r in requests] == [True, True, False, False]
    assert [len(r.tokens) for r in requests] == [3, 4, 4, 4]
    for request in requests[2:]:
        assert request.parked is not None
        # The last token is not fed yet.
        assert request.parked.length == len(request.prompt_tokens) + 3
    run(loop, requests[2:], None)
    assert [r.tokens for r in requests] == reference(llama, prompts[:4], budgets)


def test_new_rows_and_rows_of_several_batches_share_one(
    loop: Loop, llama: Any, prompts: list[list[int]], reference: Reference
) -> None:
    budgets = [40, 30, 20, 25, 35, 15]
    requests = make(prompts[:6], budgets)
    run(loop, requests[:2], 5)
    run(loop, requests[2:4], 9)
    blocks = [weakref.ref(r.parked.block) for r in requests[:4] if r.parked is not None]
    work, _ = run(loop, [requests[4], requests[2], requests[0], requests[5], requests[1]], 10)
    assert [len(r.tokens) for r in requests] == [15, 15, 19, 9, 10, 10]
    # New rows reach the limit with the prompt's pass and nine steps, the others with ten.
    assert work == Work(prefills=1, decode_steps=10, rows=50)
    gc.collect()
    assert [block() is None for block in blocks] == [True, True, False, False]
    while waiting := [r for r in requests if r.finish_reason is None]:
        run(loop, waiting, 7)
    assert [r.tokens for r in requests] == reference(llama, prompts[:6], budgets)
    gc.collect()
    assert all(block() is None for block in blocks)


def test_a_limit_of_one_is_a_prompt_alone(loop: Loop, prompts: list[list[int]]) -> None:
    requests = make(prompts[:3], [5, 1, 5])
    assert run(loop, requests, 1) == (Work(prefills=1, decode_steps=0, rows=3), [1])
    assert [len(r.tokens) for r in requests] == [1, 1, 1]
    assert run(loop, [requests[0], requests[2]], 1)[0] == Work(0, decode_steps=1, rows=2)


def test_the_cache_grows_under_a_running_batch(
    loop: Loop,
    llama: Any,
    prompts: list[list[int]],
    reference: Reference,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(loop_module, "HEADROOM", 3)
    budgets = [60, 60, 30]
    requests = make(prompts[:3], budgets)
    longest = max(map(len, prompts[:3]))
    run(loop, requests, None)
    assert [r.tokens for r in requests] == reference(llama, prompts[:3], budgets)
    assert longest + 3 < loop.cache.capacity <= longest + 60 + 8


def test_prompts_run_in_passes_of_bounded_size(
    loop: Loop,
    llama: Any,
    prompts: list[list[int]],
    reference: Reference,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(prefill_module, "PREFILL_TOKENS", 50)
    lengths = sorted(map(len, prompts[:8]), reverse=True)
    passes = list(prefill_groups(lengths))
    assert [row for rows in passes for row in rows] == list(range(8))
    assert all(len(rows) == 1 or len(rows) * lengths[rows.start] <= 50 for rows in passes)
    requests = make(prompts[:8], [6] * 8)
    work, _ = run(loop, requests, None)
    assert work.prefills == len(passes) > 2
    assert [r.tokens for r in requests] == reference(llama, prompts[:8], [6] * 8)


def test_times_are_taken_when_things_happen(loop: Loop, prompts: list[list[int]]) -> None:
    requests = make(prompts[:3], [2, 9, 30])
    run(loop, requests[:2], 3)
    first = requests[1].first_token_time
    run(loop, requests[1:], None)
    assert requests[1].first_token_time == first
    assert requests[0].finished_time < requests[2].first_token_time
    assert requests[1].finished_time < requests[2].finished_time


def test_only_one_position_a_row_meets_the_vocabulary(
    loop: Loop, llama: Any, prompts: list[list[int]]
) -> None:
    shapes = []
    hook = llama.lm_head.register_forward_hook(
        lambda _module, inputs, _output: shapes.append(tuple(inputs[0].shape[:2]))
    )
    try:
        run(loop, make(prompts[:4], [2] * 4), None)
    finally:
        hook.remove()
    assert shapes == [(4, 1), (4, 1)]


def test_one_hook_serves_all_engines_and_does_nothing_outside_their_passes(
    loop: Loop, loaded: Model, llama: Any, prompts: list[list[int]]
) -> None:
    with torch.inference_mode():
        Loop(*try_out(loaded))
    run(loop, make(prompts[:2], [2, 2]), None)
    assert len(llama.lm_head._forward_pre_hooks) == 1
    assert llama(torch.tensor([[1, 2, 3]])).logits.shape == (1, 3, 97)


def test_stale_slots_and_padding_change_nothing(
    loop: Loop, llama: Any, prompts: list[list[int]], reference: Reference
) -> None:
    """Short rows in slots that long rows used, beside a long one."""
    run(loop, make(prompts[:6], [50] * 6), None)
    short = [[3], [4, 5], list(range(40)), [6]]
    requests = make(short, [20] * 4)
    run(loop, requests, None)
    assert [r.tokens for r in requests] == reference(llama, short, [20] * 4)


def poison(loop: Loop) -> None:
    with torch.inference_mode():
        for pair in loop.cache.views(0, loop.cache.rows, loop.cache.capacity):
            for tensor in pair:
                tensor.fill_(torch.nan)


def test_overflow_of_one_batch_stays_out_of_the_next(
    loop: Loop, llama: Any, prompts: list[list[int]], reference: Reference
) -> None:
    """NaN behind a mask is still NaN: 0 · NaN."""
    run(loop, make(prompts[:6], [50] * 6), None)
    poison(loop)
    requests = make(prompts[:4], [20, 30, 9, 12])
    run(loop, requests, 8)
    poison(loop)
    run(loop, requests, None)
    assert [r.tokens for r in requests] == reference(llama, prompts[:4], [20, 30, 9, 12])
