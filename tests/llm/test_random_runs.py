"""Random requests under random policies, with little memory: each text is that of it alone."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.llm.runs import CONTEXT, WORDS, executor, prompt, request, run, text

from multibin.llm._engine.request import Request
from multibin.llm._engine.runner import Runner
from multibin.llm._engine.schedule import Policy, to_edges
from multibin.llm._engine.size_classes import aligned

SYSTEM = prompt(40, 9)
"""A beginning that several prompts share."""

PROMPTS = [
    [3],
    prompt(7),
    prompt(31, 1),
    prompt(33, 2),
    [*SYSTEM, 1, 2, 3],
    [*SYSTEM, 1, 2, 4, *prompt(30, 4)],
    [*SYSTEM[:36], 5],
    SYSTEM,
    prompt(CONTEXT - 20, 5),
]

EDGES = [(0, 4, 10, 40), (0, 1, 2, 3, 5, 40), (0, 40)]

relaxed = settings(
    max_examples=80, deadline=None, suppress_health_check=[HealthCheck.too_slow], print_blob=True
)


@st.composite
def policies(draw: st.DrawFn) -> Policy:
    """Draws a policy of one of the three modes."""
    options: dict[str, Any] = {
        "scheduling": draw(st.sampled_from(["fifo", "multibin", "multibin", "continuous"])),
        "batch_size": draw(st.integers(1, 6)),
        "max_prefill_tokens": draw(st.none() | st.integers(1, 80)),
        "ageing": draw(st.none() | st.just(0.001)),
    }
    if options["scheduling"] == "continuous":
        options["refill_every"] = draw(st.integers(1, 4))
    if options["scheduling"] == "multibin":
        options["bins"] = draw(st.integers(1, 4))
        options["fill"] = draw(st.sampled_from(["elastic", "strict"]))
        options["overrun"] = draw(st.sampled_from(["climb", "finish", "recompute"]))
        options["edges"] = to_edges(draw(st.none() | st.sampled_from(EDGES)))
    return Policy(**options)


@st.composite
def workloads(draw: st.DrawFn) -> list[Request]:
    """Draws requests, some with equal prompts or beginnings, side by side as for `n` or not."""
    chosen = draw(
        st.lists(
            st.tuples(
                st.sampled_from(PROMPTS),
                st.integers(1, 40),
                st.none() | st.integers(0, WORDS - 1),
                st.integers(1, 3),
            ),
            min_size=1,
            max_size=8,
        )
    )
    requests: list[Request] = []
    for tokens, budget, eos, samples in chosen:
        most = min(budget, CONTEXT + 1 - len(tokens))
        for _ in range(samples):
            requests.append(request(len(requests), tokens, most, eos=eos))
    return requests


@st.composite
def memories(draw: st.DrawFn, requests: Sequence[Request]) -> dict[str, Any]:
    """Draws memory that holds the longest request at least."""
    least = aligned(max(len(one.prompt_tokens) + one.budget - 1 for one in requests))
    return {
        "positions": draw(st.none() | st.integers(least, 3 * least)),
        "host": draw(st.sampled_from([0, 40, 10_000])),
        "masked": draw(st.booleans()),
    }


@relaxed
@given(st.data())
def test_each_greedy_text_is_that_of_transformers(data: st.DataObject) -> None:
    policy = data.draw(policies())
    requests = data.draw(workloads())
    count = len(requests)
    lengths = data.draw(st.none() | st.lists(st.integers(0, 60), min_size=count, max_size=count))
    cancels: dict[int, list[int]] = {}
    for at, key in data.draw(
        st.lists(st.tuples(st.integers(0, 60), st.integers(0, count - 1)), max_size=3)
    ):
        cancels.setdefault(at, []).append(key)
    options: dict[str, Any] = {}
    if policy.ageing is not None:
        options["priorities"] = data.draw(
            st.lists(st.integers(0, 3), min_size=count, max_size=count)
        )
    if data.draw(st.booleans()):
        short = st.sampled_from([1e6, 1e6, 1e-6, 0.01])
        options["ttls"] = data.draw(st.lists(short, min_size=count, max_size=count))

    def cancel(runner: Runner, number: int) -> None:
        for key in cancels.get(number, ()):
            runner.cancel(requests[key])

    engine = executor(**data.draw(memories(requests)))
    run(engine, policy, requests, lengths, between=cancel, **options)
    for one in requests:
        whole = text(one.prompt_tokens, one.budget, next(iter(one.stop_ids), None))
        if one.finish_reason in ("stop", "length"):
            assert one.tokens == whole
        else:
            assert one.tokens == whole[: len(one.tokens)]
            assert one.finish_reason == "expired" or any(one.key in k for k in cancels.values())


@cache
def sampled_alone(tokens: tuple[int, ...], seed: int, masked: bool) -> list[int]:
    """Returns sampled text of a request alone in an engine with all the memory."""
    alone = sampled(0, list(tokens), 40, seed)
    run(executor(masked=masked), Policy(scheduling="fifo"), [alone])
    return alone.tokens


def sampled(key: int, tokens: list[int], budget: int, seed: int) -> Request:
    """Returns a request that draws its tokens."""
    most = min(budget, CONTEXT + 1 - len(tokens))
    return request(key, tokens, most, temperature=0.9, top_p=0.95, seed=seed)


@settings(relaxed, max_examples=30)
@given(st.data())
def test_each_sampled_text_is_that_of_the_request_alone(data: st.DataObject) -> None:
    policy = data.draw(policies())
    chosen = data.draw(
        st.lists(
            st.tuples(st.sampled_from(PROMPTS), st.integers(1, 40), st.integers(0, 2)),
            min_size=1,
            max_size=12,
        )
    )
    requests = [sampled(key, *one) for key, one in enumerate(chosen)]
    memory = data.draw(memories(requests))
    run(executor(**memory), policy, requests)
    for one, (tokens, _, seed) in zip(requests, chosen, strict=True):
        whole = sampled_alone(tuple(tokens), seed, memory["masked"])
        assert one.tokens == whole[: one.budget]
