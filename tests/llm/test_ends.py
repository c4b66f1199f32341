"""When a request ends, and what its text then is: stop tokens, `min_tokens`, special tokens."""

from __future__ import annotations

from typing import Any

import pytest
from tests.llm.test_text import bert, ids, llama, recite

from multibin.llm import LLM, SamplingParams
from multibin.llm._engine.request import Request
from multibin.llm._load.tiny import ByteTokenizer, tiny_model

TEXT = "one. two. three."
SCRIPT = list(TEXT.encode())
EOS = ByteTokenizer.eos_token_id


def ended(script: list[int], **params: Any) -> Request:
    """Returns a request that has taken a script, up to its end."""
    options = {"max_tokens": len(script), "temperature": 0} | params
    request = Request(
        0,
        "a",
        [97],
        SamplingParams(**options),
        budget=options["max_tokens"],
        eos=frozenset([EOS]),
        tokenizer=ByteTokenizer(),
    )
    for token in script:
        if request.push(token):
            break
    return request


def summary(request: Request) -> tuple[str, int, Any, Any]:
    completion = request.output().outputs[0]
    return (
        completion.text,
        len(completion.token_ids),
        completion.finish_reason,
        completion.stop_reason,
    )


DOT = ord(".")


@pytest.mark.parametrize(
    ("params", "expected"),
    [
        ({}, (TEXT, 16, "length", None)),
        ({"stop_token_ids": [DOT]}, ("one", 4, "stop", DOT)),
        ({"stop_token_ids": [DOT], "ignore_eos": True}, ("one", 4, "stop", DOT)),
        (
            {"stop_token_ids": [DOT], "include_stop_str_in_output": True},
            ("one.", 4, "stop", DOT),
        ),
        ({"stop_token_ids": [DOT], "min_tokens": 3}, ("one", 4, "stop", DOT)),
        ({"stop_token_ids": [DOT], "min_tokens": 4}, ("one. two", 9, "stop", DOT)),
        ({"stop": "t"}, ("one. ", 6, "stop", "t")),
        ({"stop": "t", "include_stop_str_in_output": True}, ("one. t", 6, "stop", "t")),
        ({"stop": "two", "include_stop_str_in_output": True}, ("one. two", 8, "stop", "two")),
        ({"stop": ". t", "min_tokens": 5}, ("one", 6, "stop", ". t")),
        ({"stop": ". t", "min_tokens": 6}, ("one. two", 11, "stop", ". t")),
        ({"stop": "e. t", "stop_token_ids": [ord("w")]}, ("on", 6, "stop", "e. t")),
        ({"stop": "e.", "stop_token_ids": [DOT]}, ("on", 4, "stop", "e.")),
        ({"stop": ".", "stop_token_ids": [DOT]}, ("one", 4, "stop", DOT)),
        ({"max_tokens": 3}, ("one", 3, "length", None)),
        ({"max_tokens": 4, "stop_token_ids": [DOT]}, ("one", 4, "stop", DOT)),
    ],
)
def test_ends(params: dict[str, Any], expected: tuple[Any, ...]) -> None:
    assert summary(ended(SCRIPT, **params)) == expected


@pytest.mark.parametrize(
    ("params", "expected"),
    [
        ({}, ("one", 4, "stop", None)),
        ({"skip_special_tokens": False}, ("one", 4, "stop", None)),
        ({"include_stop_str_in_output": True}, ("one", 4, "stop", None)),
        (
            {"skip_special_tokens": False, "include_stop_str_in_output": True},
            ("one<eos>", 4, "stop", None),
        ),
        ({"ignore_eos": True}, ("one two", 8, "length", None)),
        ({"ignore_eos": True, "skip_special_tokens": False}, ("one<eos> two", 8, "length", None)),
        ({"stop_token_ids": [EOS]}, ("one", 4, "stop", None)),
        ({"stop_token_ids": [EOS], "ignore_eos": True}, ("one", 4, "stop", EOS)),
        ({"stop": "ne<eos>"}, ("o", 4, "stop", "ne<eos>")),
        ({"stop": "ne<eos>", "skip_special_tokens": False}, ("o", 4, "stop", "ne<eos>")),
        (
            {"stop": "ne<eos>", "include_stop_str_in_output": True},
            ("one<eos>", 4, "stop", "ne<eos>"),
        ),
        (
            {"stop": "<eos> t", "ignore_eos": True, "skip_special_tokens": False},
            ("one", 6, "stop", "<eos> t"),
        ),
        ({"stop": "zz", "skip_special_tokens": False}, ("one", 4, "stop", None)),
    ],
)
def test_ends_at_an_end_of_sequence_token(
    params: dict[str, Any], expected: tuple[Any, ...]
) -> None:
    script = [*b"one", EOS, *b" two"]
    assert summary(ended(script, **params)) == expected


def test_a_text_can_be_read_at_each_token() -> None:
    """Also if it is read before its end, and with and without stop strings."""
    for options in ({}, {"stop": "zz"}, {"stop_token_ids": [ord("w")]}):
        params = SamplingParams(max_tokens=9, **options)
        tokenizer = ByteTokenizer()
        request = Request(0, "a", [97], params, budget=9, eos=frozenset(), tokenizer=tokenizer)
        shown = []
        for token in SCRIPT[:8]:
            last = request.push(token)
            output = request.output()
            assert output.finished == last
            shown.append(output.outputs[0].text)
            if last:
                break
        whole = ["o", "on", "one", "one.", "one. ", "one. t", "one. tw", "one. two"]
        expected = whole if "stop_token_ids" not in options else [*whole[:6], "one. t"]
        assert shown == expected


def test_special_tokens_in_the_text() -> None:
    tokenizer = llama("<s>", "</s>")
    script = ids(tokenizer, "▁world", "</s>", "▁the")
    assert recite(tokenizer, "hello", script).text == " world the"
    kept = recite(tokenizer, "hello", script, skip_special_tokens=False)
    assert kept.text.replace(" ", "") == "world</s>the"
    stopped = recite(tokenizer, "hello", script, skip_special_tokens=False, stop="</s>")
    assert stopped.text.strip() == "world"
    assert len(stopped.token_ids) == 2


def test_a_stop_token_leaves_the_text_before_it() -> None:
    tokenizer = bert()
    script = ids(tokenizer, "it", "'", "s", "go")
    cut = recite(tokenizer, "say", script, stop_token_ids=ids(tokenizer, "s"))
    assert (cut.text, cut.token_ids) == ("it '", script[:3])
    kept = recite(
        tokenizer,
        "say",
        script,
        stop_token_ids=ids(tokenizer, "s"),
        include_stop_str_in_output=True,
    )
    assert kept.text == "it's"


def test_min_tokens_in_generate() -> None:
    """No token ends a text of random tokens before its time."""
    llm = LLM(tiny_model(), ByteTokenizer(), batch_size=4, edges=[0, 4, 9, 40])
    stops = list(range(0, 259, 2))
    params = [
        SamplingParams(max_tokens=20, min_tokens=n, seed=n, stop_token_ids=stops)
        for n in (0, 1, 5, 12, 20)
    ]
    outputs = llm.generate(["a"] * 5, params, use_tqdm=False)
    for one, output in zip(params, outputs, strict=True):
        tokens = output.outputs[0].token_ids
        assert len(tokens) > min(one.min_tokens, 19)
        assert all(token % 2 and token != EOS for token in tokens[: one.min_tokens])


def test_without_max_tokens_the_context_ends_the_text() -> None:
    llm = LLM(tiny_model(context=32), ByteTokenizer())
    params = SamplingParams(max_tokens=None, temperature=0, ignore_eos=True)
    outputs = llm.generate(["abc", "x" * 32], params, use_tqdm=False)
    assert [len(output.outputs[0].token_ids) for output in outputs] == [30, 1]
    assert {output.outputs[0].finish_reason for output in outputs} == {"length"}


@pytest.mark.parametrize(("kept", "text"), [(3, "fgh"), (8, "abcdefgh"), (99, "abcdefgh")])
def test_prompts_are_truncated_on_the_left(kept: int, text: str) -> None:
    llm = LLM(tiny_model(context=32), ByteTokenizer())
    params = SamplingParams(max_tokens=1, truncate_prompt_tokens=kept)
    for prompt in ("abcdefgh", list(b"abcdefgh")):
        source: Any = prompt
        [output] = llm.generate(source, params, use_tqdm=False)
        assert bytes(output.prompt_token_ids).decode() == text


def test_prompts_are_truncated_to_the_context() -> None:
    llm = LLM(tiny_model(context=32), ByteTokenizer())
    params = SamplingParams(max_tokens=1, truncate_prompt_tokens=-1)
    [output] = llm.generate("a" * 10 + "b" * 32, params, use_tqdm=False)
    assert output.prompt_token_ids == list(b"b" * 32)
    assert output.prompt == "a" * 10 + "b" * 32


def test_an_error_of_its_own_ends_a_request() -> None:
    request = ended(SCRIPT[:3], max_tokens=9)
    request.error = error = RuntimeError("broken")
    assert request.push(5)
    assert request.finish_reason == "error"
    assert request.error is error
    assert request.tokens == SCRIPT[:3]
    assert request.output().outputs[0].text == "one"
