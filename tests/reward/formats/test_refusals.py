"""What a format, a text or a tokenizer must be, and what the message for another says."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from tests.reward.formats import vocabularies

from multibin.reward import _formats as formats
from multibin.reward._formats import Format, Mark, Pair, columns, encode, format_of, split

STEPS = ["It is 2 .", "So 2 ."]


@pytest.fixture(scope="module")
def llama() -> Any:
    return vocabularies.byte_level()


def test_unknown_formats() -> None:
    with pytest.raises(ValueError, match=r"^format must be one of 'versaprm', .*, got 'versa'$"):
        format_of("versa")
    with pytest.raises(TypeError, match=r"^format must be the name of a format or a Format, got 3"):
        format_of(3)  # type: ignore[arg-type]


@pytest.mark.parametrize("name", sorted(formats.FORMATS))
def test_names_are_those_of_the_formats(name: str) -> None:
    assert format_of(name).name == name
    form = format_of(name)
    assert format_of(form) is form


@pytest.mark.parametrize(
    ("question", "steps", "message"),
    [
        (" \n", STEPS, "question must be a text that is not blank, got ' "),
        ("q", [], r"c must be at least one step, got \[\]"),
        ("q", ["a", " "], r"c\[1\] must be a text that is not blank, got ' '"),
        ("q", ["a", []], r"c\[1\] must be at least one token id, got \[\]"),
        ("q", ["a", [3, -1]], r"c\[1\]\[1\] must be at least 0, got -1"),
        ("q<|eot_id|>", STEPS, r"question must be a text without '<\|eot_id\|>', got 'q<"),
        ("q", ["<|im_end|> +"], r"c\[0\] must be a text without '<\|im_end\|>'"),
    ],
)
@pytest.mark.parametrize("name", sorted(formats.FORMATS))
def test_texts(llama: Any, name: str, question: Any, steps: Any, message: str) -> None:
    with pytest.raises(ValueError, match=f"^{message}"):
        encode(format_of(name), llama, question, steps, "c")


@pytest.mark.parametrize(
    ("question", "steps", "message"),
    [
        (3, STEPS, "question must be a text or its token ids, got 3"),
        ("q", "a", "c must be a list of steps, got 'a'"),
        ("q", [None], r"c\[0\] must be a text or its token ids, got None"),
        ("q", [[True]], r"c\[0\] must be a text or its token ids, got \[True\]"),
        ("q", [[0.5]], r"c\[0\] must be a text or its token ids, got \[0.5\]"),
    ],
)
def test_types(llama: Any, question: Any, steps: Any, message: str) -> None:
    with pytest.raises(TypeError, match=f"^{message}"):
        encode(format_of("versaprm"), llama, question, steps, "c")


@pytest.mark.parametrize(
    ("name", "marker"),
    [("math-shepherd", "ки"), ("math-psa", "\n\n\n\n\n"), ("qwen-prm", "<extra_0>")],
)
def test_markers_in_a_users_text_are_refused(llama: Any, name: str, marker: str) -> None:
    for question, steps in ((f"q{marker}q", ["a"]), ("q", [f"a{marker}a"])):
        with pytest.raises(ValueError, match="must be a text without"):
            encode(format_of(name), llama, question, steps)


def test_skywork_refuses_a_separator_inside_a_step(llama: Any) -> None:
    with pytest.raises(
        ValueError, match=r"^candidate\[1\] must be a text without '\\n', got 'a\\nb'"
    ):
        encode(format_of("skywork"), llama, "q", ["a", "a\nb"])
    kept = encode(format_of("trl"), llama, "q", ["a\nb", "c"])
    assert llama.decode(kept.ids[: kept.ends[0] + 1]).endswith("a\nb\n")


def test_labels_that_are_not_one_token(llama: Any) -> None:
    with pytest.raises(ValueError, match=r"^label 'perhaps not' of the format 'versaprm' must be"):
        columns(formats.versaprm(labels=("perhaps not", "+")), llama)
    with pytest.raises(ValueError, match="must be one token of the tokenizer, got an unknown one"):
        columns(formats.versaprm(labels=("-", "never")), vocabularies.words())
    with pytest.raises(ValueError, match="must be different tokens, got the ids"):
        columns(formats.versaprm(labels=("+", "+")), llama)


def own(pieces: Any, **options: Any) -> Format:
    return Format("own", lambda *_: pieces, **options)


def test_marks_must_be_as_many_as_steps(llama: Any) -> None:
    with pytest.raises(ValueError, match=r"^c must have as many marks as steps.* 1 marks"):
        encode(own(["a", Mark("\n")]), llama, "q", STEPS, "c")
    with pytest.raises(ValueError, match="1 marks for 2 steps"):
        encode(format_of("outcome"), llama, "q", STEPS)


@pytest.mark.parametrize(
    "pieces", [["a", Mark("\n"), Mark("\n")], ["a", Mark(), Mark()], ["a", [], Mark(), [], Mark()]]
)
def test_a_step_without_tokens(llama: Any, pieces: Any) -> None:
    with pytest.raises(ValueError, match=r"must .*at least one token, got none"):
        encode(own(pieces), llama, "q", STEPS)


def test_pairs_are_for_classifiers(llama: Any) -> None:
    with pytest.raises(ValueError, match="must have a pair as its only text"):
        encode(own([Pair("a", "b"), Mark()]), llama, "q", ["a"])
    with pytest.raises(ValueError, match=r"^candidate must be a str for a pair.*, got \[1\]"):
        encode(formats.outcome(chat=False), llama, "q", [[1]])


def test_templates() -> None:
    with pytest.raises(ValueError, match=r"must have a chat template, got .* without one"):
        encode(format_of("qwen-prm"), vocabularies.words(), "q", STEPS)
    with pytest.raises(ValueError, match=r"^template must be a text with {question} and {answer}"):
        formats.verdict("{question}?")
    twice = vocabularies.byte_level(template=vocabularies.LLAMA * 2)
    with pytest.raises(ValueError, match="writes each message once"):
        encode(format_of("qwen-prm"), twice, "q", STEPS)
    raises = "{% if messages[0]['role'] != 'user' %}{{ raise_exception('no system') }}{% endif %}"
    without = vocabularies.byte_level(template=raises)
    with pytest.raises(ValueError, match="for system, user, assistant, got 'no system'"):
        encode(format_of("qwen-prm"), without, "q", STEPS)


def test_a_tokenizer_that_always_adds_special_tokens() -> None:
    class Begins:
        def encode(self, text: str) -> list[int]:
            return [0, *text.encode()]

    with pytest.raises(TypeError, match=r"^tokenizer must be an object whose encode takes"):
        encode(format_of("versaprm"), Begins(), "q", STEPS)


@pytest.mark.parametrize(
    ("candidate", "steps"),
    [
        ("a\n\nb", ["a", "b"]),
        ("\n a\n\n\nb\n\n \n\n", [" a", "b"]),
        (["a\n\nb", [1, 2]], ["a\n\nb", [1, 2]]),
        ([1, 2], [[1, 2]]),
        (np.array([1, 2]), [[1, 2]]),
        (torch.tensor([1, 2]), [[1, 2]]),
        ([np.array([1]), (2,)], [[1], [2]]),
    ],
)
def test_split(candidate: Any, steps: Any) -> None:
    assert split(format_of("versaprm"), candidate) == steps


@pytest.mark.parametrize(
    ("candidate", "whole"),
    [("a\n\nb", "a\n\nb"), (["a", "b"], "a\n\nb"), ([[1], [2, 3]], [1, 2, 3]), ([4, 5], [4, 5])],
)
def test_split_for_a_format_that_reads_all_at_once(candidate: Any, whole: Any) -> None:
    assert split(format_of("verdict"), candidate) == [whole]


def test_split_refuses() -> None:
    form = format_of("outcome")
    empties: list[object] = ["", " \n\n ", []]
    for empty in empties:
        with pytest.raises(ValueError, match=r"^candidates.2. must be at least one step, got"):
            split(form, empty, "candidates[2]")
    with pytest.raises(ValueError, match="must be steps that are all texts or all ids"):
        split(form, ["a", [1]])
    with pytest.raises(TypeError, match=r"^candidate must be a text, steps or token ids, got None"):
        split(form, None)
    with pytest.raises(TypeError, match=r"^candidate\[0\] must be a text or its token ids"):
        split(form, [None])


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"head": "foo"}, ValueError, "head must be one of 'vocabulary', 'tokens'"),
        ({"read": "middle"}, ValueError, "read must be one of 'at', 'before', got 'middle'"),
        ({"labels": ()}, ValueError, r"labels must be a tuple of at least one label, got \(\)"),
        ({"labels": "-+"}, ValueError, "labels must be a tuple of at least one label"),
        ({"separator": ""}, ValueError, "separator must be at least one character, or None"),
        ({"score": 3}, TypeError, "score must be a function, got 3"),
        ({"build": None}, TypeError, "build must be a function, got None"),
    ],
)
def test_fields_of_a_format(options: Any, error: Any, message: str) -> None:
    fields: dict[str, Any] = {"name": "mine", "build": lambda *_: []} | options
    with pytest.raises(error, match=message):
        Format(**fields)


@pytest.mark.parametrize("pieces", [None, "text"])
def test_what_build_returns(llama: Any, pieces: Any) -> None:
    with pytest.raises(TypeError, match="what build returns must be a list of texts and marks"):
        encode(Format("mine", lambda *_: pieces), llama, "a", ["b"])


def test_pieces_may_be_yielded(llama: Any) -> None:
    listed = Format("mine", lambda _, question, steps: [question, *steps, Mark("\n")])
    yielded = Format("mine", lambda _, question, steps: iter([question, *steps, Mark("\n")]))
    assert encode(yielded, llama, "a", ["b"]) == encode(listed, llama, "a", ["b"])


@pytest.mark.parametrize("value", [b"text", bytearray(b"text"), memoryview(b"text")])
def test_bytes_are_no_token_ids(llama: Any, value: Any) -> None:
    with pytest.raises(TypeError, match=r"candidate\[0\] must be a text or its token ids"):
        encode(format_of("versaprm"), llama, "a", [value])
    with pytest.raises(TypeError, match="candidate must be a text, steps or token ids"):
        split(format_of("versaprm"), value)


def test_lone_surrogates_are_refused(llama: Any) -> None:
    with pytest.raises(ValueError, match=r"candidate\[1\] must be text without lone surrogates"):
        encode(format_of("versaprm"), llama, "a", ["b", "\ud800"])
    assert encode(format_of("versaprm"), llama, "a", ["\U0001f600"]).ends


def test_line_breaks_of_windows_part_steps() -> None:
    assert split(format_of("versaprm"), "a\r\n\r\nb\n\nc") == ["a", "b", "c"]
    assert split(format_of("trl"), "a\r\nb") == ["a", "b"]
