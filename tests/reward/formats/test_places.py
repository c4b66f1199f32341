"""Values are read where each step ends, whatever the vocabulary makes of its mark."""

from __future__ import annotations

from functools import cache
from typing import Any

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st
from tests.reward.formats import vocabularies

from multibin.llm._load.tiny import ByteTokenizer
from multibin.reward._formats import Format, Mark, encode, versaprm

QUESTION, STEPS = "What is 1 + 1 ?", ["It is 2 .", "So the answer is 2 ."]
MARK = " \n\n\n\n"


@cache
def vocabulary(name: str) -> Any:
    return {
        "one token": lambda: vocabularies.byte_level(),
        "two tokens": lambda: vocabularies.byte_level("\n\n\n\n"),
        "without offsets of spaces": lambda: vocabularies.byte_level(trims=True),
        "joined": lambda: vocabularies.byte_level(joins=True),
        "joined, without offsets of spaces": lambda: vocabularies.byte_level(
            joins=True, trims=True
        ),
        "sentencepiece": vocabularies.sentencepiece,
        "bytes": ByteTokenizer,
    }[name]()


NAMES = ["one token", "two tokens", "without offsets of spaces", "sentencepiece", "bytes"]


def text_of(question: str, steps: list[str]) -> str:
    """The text of VersaPRM, as its paper's code writes it."""
    cleaned = [text.replace(MARK, "").strip() for text in (question, *steps)]
    return cleaned[0] + " \n\n" + "".join(step + MARK for step in cleaned[1:])


def read_until(tokenizer: Any, ids: list[int]) -> str:
    """The text of ids, without what the tokenizer puts before a text."""
    begun = getattr(tokenizer, "bos_token_id", None) == ids[0]
    return str(tokenizer.decode(ids[1:] if begun else ids)).removeprefix(" ")


@pytest.mark.parametrize("name", NAMES)
def test_ids_are_those_of_the_whole_text(name: str) -> None:
    tokenizer = vocabulary(name)
    encoded = encode(versaprm(), tokenizer, QUESTION, STEPS)
    assert encoded.ids == tokenizer.encode(text_of(QUESTION, STEPS))


@pytest.mark.parametrize("name", NAMES)
def test_text_up_to_a_value_ends_with_the_mark_of_its_step(name: str) -> None:
    tokenizer = vocabulary(name)
    encoded = encode(versaprm(), tokenizer, QUESTION, STEPS)
    for count, end in enumerate(encoded.ends, 1):
        assert read_until(tokenizer, encoded.ids[: end + 1]) == text_of(QUESTION, STEPS[:count])


def test_a_mark_is_one_token_here_and_two_there() -> None:
    sizes = [len(vocabulary(name).encode(MARK, add_special_tokens=False)) for name in NAMES[:2]]
    assert sizes == [1, 2]


TEXTS = st.text(alphabet="a1 .\n+-е", min_size=1, max_size=12).filter(
    lambda text: bool(text.replace(MARK, "").strip())
)


@given(name=st.sampled_from(NAMES), question=TEXTS, steps=st.lists(TEXTS, min_size=1, max_size=4))
@example(name=NAMES[2], question="a", steps=["a \n\n\n\n b", "\n\n\n\n."])
def test_places_are_exact_for_any_text(name: str, question: str, steps: list[str]) -> None:
    tokenizer = vocabulary(name)
    encoded = encode(versaprm(), tokenizer, question, steps)
    assert len(encoded.ends) == len(steps)
    assert encoded.ends[-1] == len(encoded.ids) - 1
    for count, end in enumerate(encoded.ends, 1):
        assert read_until(tokenizer, encoded.ids[: end + 1]) == text_of(question, steps[:count])


def marked(mark: str, read: Any) -> Format:
    """A format of one's own, whose mark merges with spaces or line breaks behind it."""
    return Format(
        "marked",
        lambda _, question, steps: [
            question,
            *(piece for step in steps for piece in (step, Mark(mark))),
        ],
        read=read,
    )


JOINED = [*NAMES[:3], "joined", "joined, without offsets of spaces"]


@given(
    name=st.sampled_from(JOINED),
    mark=st.sampled_from(["\n", ";", "; ", " ", "; \n"]),
    steps=st.lists(TEXTS, min_size=1, max_size=4),
)
@example(name=JOINED[2], mark="; ", steps=["a", " 1"])
@example(name=JOINED[4], mark=";", steps=["a", " b"])
@example(name=JOINED[4], mark=" ", steps=["a"])
@example(name=JOINED[4], mark="; ", steps=["a", " b"])
def test_tokens_that_cross_marks_are_parted(name: str, mark: str, steps: list[str]) -> None:
    tokenizer = vocabulary(name)
    at = encode(marked(mark, "at"), tokenizer, "q", steps)
    before = encode(marked(mark, "before"), tokenizer, "q", steps)
    for count in range(1, len(steps) + 1):
        text = "q" + mark.join(steps[:count])
        assert read_until(tokenizer, at.ids[: at.ends[count - 1] + 1]) == text + mark
        seen = read_until(tokenizer, before.ids[: before.ends[count - 1] + 1])
        assert seen in (text, text.rstrip())


def test_a_merge_behind_a_mark_does_not_move_the_value() -> None:
    tokenizer = vocabulary("one token")
    whole = tokenizer.encode("q a.\n\nb\n")
    encoded = encode(marked("\n", "at"), tokenizer, "q ", ["a.", "\nb"])
    assert encoded.ids != whole
    assert [read_until(tokenizer, encoded.ids[: end + 1]) for end in encoded.ends] == [
        "q a.\n",
        "q a.\n\nb\n",
    ]


@pytest.mark.parametrize("name", ["one token", "two tokens", "bytes"])
def test_ids_stand_for_texts(name: str) -> None:
    tokenizer = vocabulary(name)
    texts = encode(versaprm(), tokenizer, QUESTION, STEPS)
    step = tokenizer.encode(f"{STEPS[1]}")[0 if name == "bytes" else 1 :]
    assert encode(versaprm(), tokenizer, QUESTION, [STEPS[0], step]) == texts
    assert encode(versaprm(), tokenizer, tokenizer.encode(QUESTION), STEPS) == texts


def test_ids_that_begin_a_text_are_not_begun_twice() -> None:
    tokenizer = vocabulary("one token")
    question = tokenizer.encode(QUESTION)
    assert question[0] == tokenizer.bos_token_id
    bare = encode(versaprm(), tokenizer, question[1:], STEPS)
    assert encode(versaprm(), tokenizer, question, STEPS) == bare


def test_spaces_without_tokens_may_part_words() -> None:
    form = Format(
        "words",
        lambda _, question, steps: [
            question,
            *(piece for step in steps for piece in (f" {step} ", Mark(";"))),
        ],
    )
    encoded = encode(form, vocabularies.words(), QUESTION, ["yes yes", "no"])
    assert encoded.ends == [8, 10]


def test_a_step_without_tokens_is_refused() -> None:
    with pytest.raises(ValueError, match=r"the text before the mark ';' .* at least one token"):
        encode(marked(";", "at"), vocabularies.words(), f"{QUESTION} ", ["yes ", "\u200b "])


def test_a_mark_without_tokens_is_refused() -> None:
    with pytest.raises(ValueError, match=r"the mark ' \\n\\n\\n\\n' .* at least one token"):
        encode(versaprm(), vocabularies.words(), QUESTION, STEPS)


def test_a_bidirectional_format_keeps_what_stands_behind() -> None:
    form = Format(
        "tail", lambda _, question, steps: [question, steps[0], Mark(" +"), " no"], is_causal=False
    )
    tokenizer = vocabulary("one token")
    encoded = encode(form, tokenizer, "a", ["b"])
    assert encoded.ids == tokenizer.encode("ab + no")
    assert read_until(tokenizer, encoded.ids[: encoded.ends[0] + 1]) == "ab +"


@given(text=TEXTS)
def test_equal_beginnings_give_equal_ids(text: str) -> None:
    """Candidates of one question share its ids."""
    assume(MARK not in text)
    tokenizer = vocabulary("one token")
    one, other = (encode(versaprm(), tokenizer, text, [step]) for step in ("2", "no"))
    shared = len(tokenizer.encode(f"{text.strip()} \n\n"))
    assert one.ids[:shared] == other.ids[:shared]
