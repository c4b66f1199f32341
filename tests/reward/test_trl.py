"""A reward function for TRL gives each completion what the model gives it alone."""

from __future__ import annotations

import inspect
import subprocess
import sys
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip("torch", reason="reward models need the extra `llm`")

from multibin import RewardModel, reward
from multibin.llm._load.tiny import ByteTokenizer, tiny_model
from multibin.reward import reward_function
from multibin.reward.choose import AGGREGATES, aggregate

PROMPTS = ["What is 1 + 1? Think step by step.", "What is 2 + 2? Think step by step.", "3?"]
COMPLETIONS = ["It is 2.", "One.\n\nThe answer is 2.", "It is 2.\n\nThe answer is 5."]


def model(**options: Any) -> RewardModel:
    return RewardModel(tiny_model().double(), ByteTokenizer(), **options)


@pytest.fixture(scope="module")
def one() -> RewardModel:
    return model()


def alone(one: RewardModel, prompt: str, completion: str, how: str = "min") -> float:
    [scores] = one.score(prompt, [completion])
    return float(aggregate(scores, how))


@settings(max_examples=15)
@given(
    st.lists(st.tuples(st.sampled_from(PROMPTS), st.sampled_from(COMPLETIONS)), max_size=8),
    st.sampled_from(AGGREGATES),
)
def test_rewards_are_those_alone_in_order(
    one: RewardModel, pairs: list[tuple[str, str]], how: str
) -> None:
    found = reward_function(one, how)(
        prompts=[prompt for prompt, _ in pairs], completions=[text for _, text in pairs]
    )
    assert found == [pytest.approx(alone(one, *pair, how), abs=1e-9) for pair in pairs]
    assert all(type(value) is float for value in found)


def test_equal_prompts_are_computed_once_in_one_call() -> None:
    shared, apart = model(), model(share=False)
    pairs = [(prompt, text) for text in COMPLETIONS for prompt in PROMPTS[:2]]
    arguments = {"prompts": [p for p, _ in pairs], "completions": [c for _, c in pairs]}
    assert reward_function(shared)(**arguments) == pytest.approx(
        reward_function(apart)(**arguments), abs=1e-9
    )
    assert shared.stats()["passes"] == 1
    saved = apart.stats()["computed_tokens"] - shared.stats()["computed_tokens"]
    assert saved >= 2 * 2 * len(PROMPTS[0])


def test_chats_are_read_as_their_texts(one: RewardModel) -> None:
    system = {"role": "system", "content": "Be short."}
    prompts = [
        [{"role": "user", "content": PROMPTS[0]}],
        [system, {"role": "user", "content": [{"type": "text", "text": PROMPTS[0]}]}],
    ]
    completions = [
        [{"role": "assistant", "content": COMPLETIONS[1]}],
        [
            {"role": "assistant", "content": "One."},
            {"role": "assistant", "content": None, "tool_calls": []},
            {"role": "tool", "content": "7"},
            {"role": "assistant", "content": "The answer is 2."},
        ],
    ]
    found = reward_function(one)(prompts=prompts, completions=completions)
    assert found == [pytest.approx(alone(one, PROMPTS[0], COMPLETIONS[1]), abs=1e-9)] * 2


def test_other_columns_are_ignored(one: RewardModel) -> None:
    found = reward_function(one)(
        prompts=PROMPTS[:1],
        completions=COMPLETIONS[:1],
        completion_ids=[[1]],
        answer=["2"],
        trainer_state=object(),
    )
    assert found == [pytest.approx(alone(one, PROMPTS[0], COMPLETIONS[0]), abs=1e-9)]


@pytest.mark.parametrize("unscored", [None, -1.0, 0])
def test_a_completion_that_cannot_be_read_has_no_reward(
    one: RewardModel, unscored: float | None
) -> None:
    completions = ["", "\n\n", "It is 2.", "a" * 2000, [{"role": "assistant", "content": " "}]]
    fun = reward_function(one, unscored=unscored)
    found = fun(prompts=[PROMPTS[0]] * 5, completions=completions)
    good = found.pop(2)
    assert found == [unscored] * 4
    assert good == pytest.approx(alone(one, PROMPTS[0], "It is 2."), abs=1e-9)


def test_nothing_to_score(one: RewardModel) -> None:
    assert reward_function(one)(prompts=[], completions=[]) == []
    assert reward_function(one)(prompts=["q"], completions=[" "]) == [None]


def test_a_question_of_ones_own(one: RewardModel) -> None:
    chat = [{"role": "user", "content": text} for text in ("Hello.", PROMPTS[1])]
    found = reward_function(one, question=lambda messages: messages[-1]["content"])(
        prompts=[chat], completions=COMPLETIONS[:1]
    )
    assert found == [pytest.approx(alone(one, PROMPTS[1], COMPLETIONS[0]), abs=1e-9)]


@pytest.mark.parametrize(
    ("prompts", "completions", "message"),
    [
        (["q"], ["a", "b"], r"prompts must have one for each of 2 completions, got 1"),
        (["q", " "], ["a", "b"], r"prompts\[1\] must be a text that is not blank, got ' '"),
        ([5], ["a"], r"prompts\[0\] must be a text or its token ids, got 5"),
        (["q"], [5], r"completions\[0\] must be a text or chat messages, got 5"),
        ([[{"role": "user", "content": "q"}] * 2], ["a"], r"prompts\[0\] must be a chat with one"),
        (
            [[{"role": "user", "content": [{}]}]],
            ["a"],
            r"prompts\[0\]\[0\]: content must be a text",
        ),
    ],
)
def test_bad_columns_are_refused(
    one: RewardModel, prompts: list[Any], completions: list[Any], message: str
) -> None:
    with pytest.raises((TypeError, ValueError), match=f"^{message}"):
        reward_function(one)(prompts=prompts, completions=completions)


def test_a_tokenizer_that_does_not_fit_is_no_fault_of_a_completion() -> None:
    chat = RewardModel(tiny_model(), ByteTokenizer(), format="rlhflow")
    with pytest.raises(ValueError, match=r"^tokenizer must have a chat template"):
        reward_function(chat)(prompts=["q"], completions=["a"])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"model": None}, "model must be a RewardModel, got None"),
        ({"aggregate": "median"}, "aggregate must be one of 'min'"),
        ({"unscored": "low"}, "unscored must be a number, got 'low'"),
        ({"unscored": True}, "unscored must be a number, got True"),
        ({"unscored": float("nan")}, "unscored must be finite, got nan"),
    ],
)
def test_bad_arguments_are_refused(one: RewardModel, options: Any, message: str) -> None:
    with pytest.raises((TypeError, ValueError), match=f"^{message}"):
        reward_function(**{"model": one, **options})


def test_trl_finds_a_plain_function_with_a_name(one: RewardModel) -> None:
    fun = reward_function(one, "last")
    assert inspect.isfunction(fun)
    assert not inspect.iscoroutinefunction(fun)
    assert fun.__name__ == "versaprm_last"
    assert reward_function(one, name="steps").__name__ == "steps"


def test_every_exported_name_exists() -> None:
    for name in reward.__all__:
        assert getattr(reward, name) is not None
        assert name in dir(reward)
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        _ = reward.nonsense


def test_choosing_needs_no_torch() -> None:
    code = """
import sys
import multibin.reward
from multibin.reward import aggregate, choose, evaluate, step_auc
import multibin.reward.choose
assert choose is multibin.reward.choose
assert "torch" not in sys.modules
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
