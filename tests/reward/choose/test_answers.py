"""What counts as the answer of a text."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from multibin.reward.choose import answers, clean_answer, extract_answer


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        (r"\boxed{4}", "4"),
        (r"first \boxed{3}, then \boxed{4}", "4"),
        (r"\boxed{\frac{1}{\sqrt{2}}} is it", r"\frac{1}{\sqrt{2}}"),
        (r"\boxed {x}", "x"),
        (r"\fbox{3} and \fboxed{4}", "4"),
        (r"\boxed{4} and cut \boxed{\frac{1}", "4"),
        (r"\boxed{4} and \boxed{}", "4"),
        (r"\boxed{4}. The answer is 5.", "4"),
        (r"$$\boxed{1,000}$$", "1000"),
        (r"\boxed{\text{ (C) }}", "C"),
        ("The answer is 5.", "5"),
        ("the answer is (B).", "B"),
        ("The answer is (b) because (a) is wrong.", "b"),
        ("**The answer is: (B)**", "B"),
        ("The final answer is **12**.", "12"),
        ("The answer is 3.25. I hope so.", "3.25"),
        ("The answer is 3. The answer is 4.", "4"),
        ("The answer is 3.\nSo the answer is 4", "4"),
        ("The answer is $1,234.50$.", "1234.50"),
        ("THE ANSWER IS yes.", "yes"),
        ("The answer is\n", None),
        ("The answer is:\n\n5", "5"),
        ("The answer is 5.The end. More", "5.The end"),
        ("The answer is .", None),
        ("The answer is (1 + 2) x.", "(1 + 2) x"),
        ("work\n#### 72", "72"),
        ("#### 1\nThe answer is 2.", "2"),
        ("The answer is 2.\n#### 1", "1"),
        ("not at a line's start #### 72", None),
        ("", None),
        (r"\boxed", None),
        ("the answer is $\\frac{3}{4}$", r"\frac{3}{4}"),
        (r"The answer is \(x^2\).", "x^2"),
        ("the answer isn't here", None),
    ],
)
def test_defaults(text: str, answer: str | None) -> None:
    assert extract_answer(text) == answer


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("-1,234,567.5", "-1234567.5"),
        ("1,2", "1,2"),
        ("(1,000)", "(1,000)"),
        ("$5", "5"),
        (r"\$5", "5"),
        ("Yes", "Yes"),
        ("(AB)", "(AB)"),
        ("a \n b", "a b"),
        ("$$", ""),
        (". .", ""),
    ],
)
def test_cleaning(text: str, answer: str) -> None:
    assert clean_answer(text) == answer


@given(st.text(alphabet=r" .$*`()\{}[]aB1,tex", max_size=30))
def test_cleaning_twice_is_cleaning_once(text: str) -> None:
    once = clean_answer(text)
    assert clean_answer(once) == once


@given(st.text())
def test_any_text_has_a_clean_answer_or_none(text: str) -> None:
    found = extract_answer(text)
    assert found is None or (found and found == clean_answer(found))


@given(st.integers(), st.sampled_from([r"\boxed{%s}", "So the answer is %s.", "x\n#### %s"]))
def test_whole_numbers_come_back(number: int, way: str) -> None:
    assert extract_answer(way % f"{number:,}") == str(number)


@pytest.mark.parametrize("piece", ["the answer is ", r"\boxed{", "#### \n", "((((", r"\( ", "**"])
def test_a_generator_that_repeats_itself_is_read(piece: str) -> None:
    assert extract_answer(r"\boxed{7}" + piece * 2000) == "7"
    found = extract_answer("The answer is 7.\n" + piece * 2000)
    assert found == ("the answer is" if piece.startswith("the") else "7")


def test_candidates() -> None:
    texts = ["#### 4", ["a step", "The answer is 5."], "nothing"]
    assert answers(texts) == ["4", "5", None]
    assert answers(texts, extract=len) == [6, 24, 7]
    assert answers([]) == []


@pytest.mark.parametrize(
    ("texts", "message"),
    [
        ("#### 4", "texts must be a sequence of candidates, got '#### 4'"),
        (["a", 3], r"texts\[1\] must be a str or a list of steps, got 3"),
        (["a", [3]], r"texts\[1\] must be a str or a list of steps, got \[3\]"),
    ],
)
def test_what_is_no_text_is_refused(texts: Any, message: str) -> None:
    with pytest.raises(TypeError, match=f"^{message}$"):
        answers(texts)
    with pytest.raises(TypeError, match=r"^text must be a str, got 3$"):
        extract_answer(3)  # type: ignore[arg-type]


def test_a_function_must_return_what_can_be_hashed() -> None:
    with pytest.raises(TypeError, match=r"^answers\[0\] must be hashable, got \['x'\]$"):
        answers(["x"], extract=list)  # type: ignore[arg-type]
