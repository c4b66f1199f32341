"""What is shown of a running request: never taken back, and all of it at the end."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from multibin.llm._engine.detokenize import text_after
from multibin.llm._engine.stops import StopFinder
from multibin.llm._engine.stream import TextStream
from multibin.llm._load.tiny import ByteTokenizer

BYTES = ByteTokenizer()
LETTERS = st.sampled_from([97, 98, 32, 46, 39, 110, 116, 257, *"é😀".encode(), 0xFF])


def cut(tokens: Sequence[int], stops: Sequence[str]) -> tuple[list[int], str]:
    """Returns the tokens up to the one that ends a stop string, and the final text."""
    finder = StopFinder(BYTES, stops) if stops else None
    for count in range(1, len(tokens) + 1):
        if finder is not None and (stop := finder.push(tokens[:count])) is not None:
            return list(tokens[:count]), stop.text
    return list(tokens), text_after(BYTES, [], tokens)


def deltas(tokens: Sequence[int], stops: Sequence[str] = (), *, chunk: int = 1) -> list[str]:
    """Returns what is shown after each chunk of tokens, and at the end."""
    tokens, final = cut(tokens, stops)
    stream = TextStream(BYTES, [], stops)
    last = len(tokens) - 1
    shown = [stream.push(tokens[i : min(i + chunk, last)]) for i in range(0, last, chunk)]
    return [*shown, stream.finish(final)]


def test_a_character_is_shown_when_it_is_complete() -> None:
    assert deltas([*"né😀!".encode()]) == ["n", "", "é", "", "", "", "😀", "!"]


def test_the_beginning_of_a_stop_string_is_held_back() -> None:
    assert deltas([*b"a ENDED x"], ["ENDING"]) == ["a", "", " ", "", "", "END", "ED", "", " x"]
    assert deltas([*b"a END x"], ["END"]) == ["a", "", " ", "", ""]


def test_a_space_that_may_go_is_held_back() -> None:
    assert deltas([*b"do n x"]) == ["d", "o", "", "", "", " n x"]


def test_text_beside_a_special_token_of_a_stop_string_is_held_back() -> None:
    assert deltas([*b"ab", 257, *b"cd"], ["b<eos>cd"]) == ["a", "", "", "", ""]
    shown = deltas([*b"ab", 257, *b"cx", *b"......."], ["b<eos>cd"])
    assert "".join(shown) == "abcx......."
    assert shown[:4] == ["a", "", "", ""]


def test_bytes_that_are_no_text_are_shown_with_what_follows() -> None:
    assert deltas([97, 0xFF, 98, 99]) == ["a", "", "\ufffdb", "c"]
    assert deltas([97, 0xFF]) == ["a", "\ufffd"]


class Runs:
    """Decodes a run of bytes as one: a byte that is not UTF-8 spoils the whole run."""

    def encode(self, text: str) -> list[int]:
        return list(text.encode())

    def decode(self, token_ids: list[int], skip_special_tokens: bool = False) -> str:  # noqa: ARG002
        try:
            return bytes(token_ids).decode()
        except UnicodeDecodeError:
            return "\ufffd" * len(token_ids)


def test_text_that_changes_after_it_was_shown_does_not_end_the_stream() -> None:
    stream = TextStream(Runs(), [])
    shown = [stream.push([token]) for token in [*"éa".encode(), 0xFF, *b"bc"]]
    assert shown[:3] == ["", "é", "a"]
    assert "".join([*shown, stream.finish("the end")]).startswith("éa")
    assert shown[3:] == ["", "", ""]


@given(
    tokens=st.lists(LETTERS, min_size=1, max_size=40),
    stops=st.lists(
        st.sampled_from(["ab", "b a", "aé", "b<eos>a", "eos>ab", "é😀", " n't"]), max_size=3
    ),
    chunk=st.integers(1, 5),
)
def test_what_is_shown_is_the_text_and_nothing_a_stop_string_cuts(
    tokens: list[int], stops: list[str], chunk: int
) -> None:
    _, final = cut(tokens, stops)
    assert "".join(deltas(tokens, stops, chunk=chunk)) == final


@pytest.mark.parametrize("text", ["", "abc"])
def test_a_request_that_ends_at_once_is_shown_whole(text: str) -> None:
    assert TextStream(BYTES, []).finish(text) == text
