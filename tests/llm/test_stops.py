"""Stop strings, in the finder and in `generate`."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from multibin.llm import LLM, SamplingParams
from multibin.llm._engine.stops import Stop, StopFinder
from multibin.llm._load.tiny import ByteTokenizer, tiny_model

TOKENIZER = ByteTokenizer()


class StringTokens:
    """A tokenizer whose tokens are strings; it drops a space that begins a text, as some do."""

    def __init__(self, pieces: list[str]) -> None:
        self.pieces = pieces

    def encode(self, text: str) -> list[int]:
        return [self.pieces.index(text)]

    def decode(self, token_ids: list[int], skip_special_tokens: bool = False) -> str:
        assert skip_special_tokens
        return "".join(self.pieces[token] for token in token_ids).removeprefix(" ")


def search(finder: StopFinder, tokens: list[int]) -> tuple[int, Stop] | None:
    """Returns the number of tokens at the first stop, and the stop."""
    for count in range(1, len(tokens) + 1):
        if stop := finder.push(tokens[:count]):
            return count, stop
    return None


def expected(strings: list[str], tokens: list[int]) -> tuple[int, Stop] | None:
    """Returns the result of `search`, found by decoding everything at every token."""
    for count in range(1, len(tokens) + 1):
        text = TOKENIZER.decode(tokens[:count], skip_special_tokens=True)
        found = [(text.find(string), string) for string in strings if string in text]
        if found:
            position, string = min(found, key=lambda hit: hit[0])
            return count, Stop(text[:position], string)
    return None


alphabet = st.sampled_from("abé☃😀 ")
texts = st.text(alphabet, max_size=40)
strings = st.lists(st.text(alphabet, min_size=1, max_size=4), min_size=1, max_size=3)


@settings(deadline=None)
@given(texts, strings)
def test_finds_what_decoding_everything_finds(text: str, strings: list[str]) -> None:
    tokens = TOKENIZER.encode(text)
    assert search(StopFinder(TOKENIZER, strings), tokens) == expected(strings, tokens)


@settings(deadline=None)
@given(st.lists(st.sampled_from([*range(256), 257]), max_size=30), strings)
def test_bytes_that_are_no_text_do_not_hide_a_stop(noise: list[int], strings: list[str]) -> None:
    tokens = [*noise, *TOKENIZER.encode("." + strings[0])]
    assert search(StopFinder(TOKENIZER, strings), tokens) == expected(strings, tokens)


@pytest.mark.parametrize("lead", [b"", b"x", "☃".encode(), b"\xf0\x9f"])
@pytest.mark.parametrize("filler", [b"\x80", b"\xe2", b"\xf0\x9f", b"\xff"])
def test_text_that_never_completes_a_character_costs_the_same_for_each_token(
    lead: bytes, filler: bytes
) -> None:
    class Counting(ByteTokenizer):
        decoded = 0

        def decode(self, token_ids: list[int], skip_special_tokens: bool = False) -> str:
            self.decoded += len(token_ids)
            return super().decode(token_ids, skip_special_tokens)

    tokenizer = Counting()
    tokens = [*lead, *(filler * 2000), *"a☃".encode()]
    finder = StopFinder(tokenizer, ["a☃", "zz"])
    hits = [hit for count in range(1, len(tokens) + 1) if (hit := finder.push(tokens[:count]))]
    assert hits == [Stop(TOKENIZER.decode(tokens[:-4]), "a☃")]
    assert tokenizer.decoded < 150 * len(tokens)


@settings(deadline=None)
@given(st.lists(st.sampled_from([0x80, 0xE2, 0x98, 0xF0, 0x9F, 0xFF, 65, 256]), max_size=80))
def test_long_noise_does_not_hide_a_stop(noise: list[int]) -> None:
    tokens = [*noise, *TOKENIZER.encode("☃A😀")]
    assert search(StopFinder(TOKENIZER, ["☃A", "A😀"]), tokens) == expected(["☃A", "A😀"], tokens)


def test_a_stop_spans_tokens_and_needs_no_end_of_token() -> None:
    pieces = StringTokens([" Hello", " wor", "ld. ", "Next"])
    assert search(StopFinder(pieces, ["o w"]), [0, 1, 2]) == (2, Stop("Hell", "o w"))
    assert search(StopFinder(pieces, [". N", "zz"]), [0, 1, 2, 3]) == (
        4,
        Stop("Hello world", ". N"),
    )
    assert search(StopFinder(pieces, ["Hello w"]), [0, 1]) == (2, Stop("", "Hello w"))
    assert search(StopFinder(pieces, ["orld"]), [1, 2]) == (2, Stop("w", "orld"))


def test_the_earliest_of_several_wins() -> None:
    pieces = StringTokens(["abcd"])
    assert search(StopFinder(pieces, ["d", "bc", "c"]), [0]) == (1, Stop("a", "bc"))


@pytest.fixture(scope="module")
def byte_llm() -> LLM:
    return LLM(tiny_model(), ByteTokenizer(), batch_size=4, edges=[0, 5, 12, 40])


def test_generate_cuts_the_text_and_says_why(byte_llm: LLM) -> None:
    prompts = ["once", "upon a time", "there", "was"]
    params = SamplingParams(max_tokens=40, temperature=1, seed=3)
    free = [output.outputs[0] for output in byte_llm.generate(prompts, params, use_tqdm=False)]
    stops = [completion.text[9:11] for completion in free]
    cut = [
        SamplingParams(max_tokens=40, temperature=1, seed=3, stop=[stop, "never there"])
        for stop in stops
    ]
    outputs = byte_llm.generate(prompts, cut, use_tqdm=False)
    for output, whole, stop in zip(outputs, free, stops, strict=True):
        completion = output.outputs[0]
        assert completion.finish_reason == "stop"
        assert completion.stop_reason == stop
        assert completion.text == whole.text[: whole.text.index(stop)]
        assert completion.token_ids == whole.token_ids[: len(completion.token_ids)]
        assert stop in TOKENIZER.decode(completion.token_ids, skip_special_tokens=True)
        assert stop not in TOKENIZER.decode(completion.token_ids[:-1], skip_special_tokens=True)


def test_text_prompts_and_outputs(byte_llm: LLM) -> None:
    params = SamplingParams(max_tokens=3, temperature=0)
    [output] = byte_llm.generate("héllo", params, use_tqdm=False)
    assert output.prompt == "héllo"
    assert output.prompt_token_ids == TOKENIZER.encode("héllo")
    assert output.outputs[0].text == TOKENIZER.decode(output.outputs[0].token_ids)
    prompts: list[dict[str, Any]] = [
        {"prompt": "héllo"},
        {"prompt_token_ids": TOKENIZER.encode("héllo")},
    ]
    same = byte_llm.generate(prompts, params, use_tqdm=False)
    assert [o.outputs[0] for o in same] == [output.outputs[0]] * 2
    assert [o.prompt for o in same] == ["héllo", None]


def test_stop_needs_a_tokenizer(llama: Any) -> None:
    with pytest.raises(
        ValueError, match="stop must be None without a tokenizer, got 'x': the model is an object"
    ):
        LLM(llama).generate([[1]], SamplingParams(stop="x"), use_tqdm=False)


def test_no_stop_beyond_the_replacement_of_half_a_character() -> None:
    """The first byte of é shows as U+FFFD until the second arrives; neither is lost."""
    tokens = TOKENIZER.encode("xéy")
    assert search(StopFinder(TOKENIZER, ["é"]), tokens) == (3, Stop("x", "é"))
    assert search(StopFinder(TOKENIZER, ["éy"]), tokens) == (4, Stop("x", "éy"))
