"""The text of `generate`: spaces, special tokens, stop strings, ids that do not decode."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
import torch
from tokenizers import AddedToken, Tokenizer, decoders, models, normalizers, pre_tokenizers
from transformers import ByT5Tokenizer, GPT2Config, GPT2LMHeadModel, PreTrainedTokenizerFast

from multibin.errors import GenerationError
from multibin.llm import LLM, SamplingParams
from multibin.llm._load.tiny import ByteTokenizer
from multibin.llm._outputs import CompletionOutput

LETTERS = "acdehilmnorstuw"
POSITIONS = 48


def llama(*special: str, strip: bool = True) -> Any:
    """Returns a tokenizer with "▁" for a space; with `strip`, decoding removes a leading one."""
    pieces = ["<unk>", "▁", *LETTERS, "▁the", "▁world", "☃", *(f"<0x{b:02X}>" for b in range(256))]
    vocabulary = {piece: index for index, piece in enumerate(pieces)}
    core = Tokenizer(models.BPE(vocab=vocabulary, merges=[], byte_fallback=True, unk_token="<unk>"))
    prepend = [normalizers.Prepend("▁")] if strip else []
    core.normalizer = normalizers.Sequence([*prepend, normalizers.Replace(" ", "▁")])
    steps = [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse()]
    core.decoder = decoders.Sequence([*steps, *([decoders.Strip(" ", 1, 0)] if strip else [])])
    core.add_special_tokens([AddedToken(t, special=True, normalized=False) for t in special])
    return PreTrainedTokenizerFast(tokenizer_object=core)


def bert() -> Any:
    words = ["[UNK]", "say", "it", "'", "s", "do", "n", "t", "re", "##ing", ".", "go", "[SEP]"]
    vocabulary = {word: index for index, word in enumerate(words)}
    core = Tokenizer(models.WordPiece(vocab=vocabulary, unk_token="[UNK]"))
    core.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    core.decoder = decoders.WordPiece(prefix="##", cleanup=True)
    return PreTrainedTokenizerFast(
        tokenizer_object=core, sep_token="[SEP]", clean_up_tokenization_spaces=True
    )


def reciting(vocabulary: int, prompt: int, script: Sequence[int], eos: int | None = None) -> Any:
    """Returns a GPT-2 that generates `script` behind any prompt of `prompt` tokens.

    Its logits depend on the position alone.
    """
    config = GPT2Config(
        vocab_size=vocabulary,
        n_positions=POSITIONS,
        n_embd=POSITIONS,
        n_layer=1,
        n_head=1,
        tie_word_embeddings=False,
        bos_token_id=None,
        eos_token_id=eos,
    )
    model = GPT2LMHeadModel(config).double().eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.zero_()
        model.transformer.ln_f.weight.fill_(1)
        model.transformer.wpe.weight.copy_(torch.eye(POSITIONS))
        for step, token in enumerate(script):
            model.lm_head.weight[token, prompt - 1 + step] = 1
    return model


def recite(
    tokenizer: Any,
    prompt: str | list[int],
    script: Sequence[int],
    *,
    eos: int | None = None,
    **params: Any,
) -> CompletionOutput:
    """Returns the completion of `generate` on a model that generates `script`."""
    length = len(tokenizer.encode(prompt) if isinstance(prompt, str) else prompt)
    model = reciting(600, length, script, eos)
    greedy = SamplingParams(max_tokens=len(script), temperature=0, **params)
    ids: Any = prompt
    [output] = LLM(model, tokenizer).generate(ids, greedy, use_tqdm=False)
    return output.outputs[0]


def ids(tokenizer: Any, *pieces: str) -> list[int]:
    found: list[int] = tokenizer.convert_tokens_to_ids(list(pieces))
    return found


@pytest.mark.parametrize("strip", [True, False])
def test_the_first_word_keeps_its_space(strip: bool) -> None:
    tokenizer = llama(strip=strip)
    script = ids(tokenizer, "▁world", "▁the")
    assert recite(tokenizer, "hello", script).text == " world the"
    assert recite(tokenizer, tokenizer.encode("hello"), script).text == " world the"
    assert recite(tokenizer, "hello ", ids(tokenizer, "w", "▁the")).text == "w the"
    stopped = recite(tokenizer, "hello", script, stop=" world")
    assert (stopped.text, stopped.token_ids) == ("", script[:1])


def test_behind_a_prompt_without_text_decoding_begins() -> None:
    tokenizer = llama("<s>")
    script = ids(tokenizer, "▁world", "▁the")
    assert recite(tokenizer, ids(tokenizer, "<s>"), script).text == "world the"


def test_a_space_that_no_token_holds_begins_no_text() -> None:
    tokenizer = bert()
    script = ids(tokenizer, "it", "'", "s", "go", "##ing")
    assert recite(tokenizer, "say", script).text == "it's going"
    assert recite(tokenizer, "say", ids(tokenizer, "##ing", "it")).text == "ing it"
    assert recite(tokenizer, "say", ids(tokenizer, ".", "it")).text == ". it"


@pytest.mark.parametrize(
    ("script", "stop", "tokens", "text"),
    [
        (["it", "'", "s", "go"], "it's", 3, ""),
        (["do", "n", "'", "t", "go"], "don't", 4, ""),
        (["go", "it", "'", "re", ".", "say"], "re.", 5, "go it'"),
        (["it", "'", "s", "."], " '", 2, "it"),
    ],
)
def test_a_stop_string_is_found_as_soon_as_decoding_shows_it(
    script: list[str], stop: str, tokens: int, text: str
) -> None:
    tokenizer = bert()
    found = recite(tokenizer, "say", ids(tokenizer, *script), stop=stop)
    assert (len(found.token_ids), found.text, found.stop_reason) == (tokens, text, stop)


STOPS_WITH_SPECIALS = [
    ("<|end|>", 3, " the world"),
    ("d<|end|>", 3, " the worl"),
    ("<|end|> the<|turn|>", 5, " the world"),
    ("e<|turn|>", 5, " the world th"),
    ("<|turn|>w", 6, " the world the"),
    ("the w", 2, " "),
    ("|turn", 5, " the world the"),
    ("thew", 6, " the world "),
]


@pytest.mark.parametrize("strip", [True, False])
@pytest.mark.parametrize(("stop", "tokens", "text"), STOPS_WITH_SPECIALS)
def test_stop_strings_with_special_tokens(stop: str, tokens: int, text: str, strip: bool) -> None:
    tokenizer = llama("<|end|>", "<|turn|>", "<|other|>", strip=strip)
    script = ids(tokenizer, "▁the", "▁world", "<|end|>", "▁the", "<|turn|>", "w", "<|other|>")
    found = recite(tokenizer, "hello", script, stop=["zz", stop])
    assert (len(found.token_ids), found.text) == (tokens, text)
    assert (found.finish_reason, found.stop_reason) == ("stop", stop)


def test_special_tokens_outside_stop_strings_stop_nothing() -> None:
    tokenizer = llama("<|end|>", "<|turn|>")
    script = ids(tokenizer, "<|turn|>", "▁the", "<|turn|>", "▁world")
    found = recite(tokenizer, "hello", script, stop="<|end|>")
    assert (found.text, found.finish_reason) == (" the world", "length")


def test_special_tokens_of_an_object_without_a_list_of_them() -> None:
    tokenizer = ByteTokenizer()
    script = [*b"ab", 256, *b"cd"]
    found = recite(tokenizer, "x", script, stop="b<bos>c")
    assert (found.text, len(found.token_ids)) == ("a", 4)


def test_an_end_of_sequence_token_that_is_a_stop_string() -> None:
    """It is the reason, unless the stop string begins in the text before it."""
    tokenizer = llama("<|end|>")
    script = ids(tokenizer, "▁the", "<|end|>", "▁world")
    end = script[1]
    for stop, text, reason in [("<|end|>", " the", None), ("e<|end|>", " th", "e<|end|>")]:
        found = recite(tokenizer, "hello", script, eos=end, stop=stop)
        assert (found.token_ids, found.text) == (script[:2], text)
        assert (found.finish_reason, found.stop_reason) == ("stop", reason)
    ignored = recite(tokenizer, "hello", script, eos=end, stop="<|end|>", ignore_eos=True)
    assert (ignored.text, ignored.stop_reason) == (" the", "<|end|>")


def test_an_id_beyond_the_tokenizer_costs_one_character() -> None:
    tokenizer = ByT5Tokenizer()
    script = [*tokenizer.encode("né", add_special_tokens=False), 500, 70, 501, 502, 71]
    whole = recite(tokenizer, "hello", script)
    assert (whole.token_ids, whole.text) == (script, "né\ufffdC\ufffd\ufffdD")
    assert recite(tokenizer, [500, 70], script).text == whole.text
    for stop, text in [("\ufffdD", "né\ufffdC\ufffd"), ("C", "né\ufffd"), ("é\ufffd", "n")]:
        assert recite(tokenizer, "hello", script, stop=stop).text == text


def test_spaces_behind_an_id_that_does_not_decode() -> None:
    class Strict:
        """The Llama tokenizer, except that an id beyond its vocabulary is an error."""

        def __init__(self) -> None:
            self.inner = llama()
            self.encode = self.inner.encode
            self.convert_ids_to_tokens = self.inner.convert_ids_to_tokens

        def decode(self, tokens: list[int], skip_special_tokens: bool = False) -> str:
            if max(tokens, default=0) >= len(self.inner):
                raise IndexError("piece id is out of range")
            text: str = self.inner.decode(tokens, skip_special_tokens=skip_special_tokens)
            return text

    script = [*ids(llama(), "▁the"), 590, *ids(llama(), "▁world", "☃")]
    assert recite(Strict(), "hello", script).text == " the\ufffd world☃"


class Utf8:
    """A tokenizer of bytes that raises for what is not UTF-8 yet."""

    def encode(self, text: str) -> list[int]:
        return list(text.encode())

    def decode(self, tokens: list[int], skip_special_tokens: bool = False) -> str:
        assert isinstance(skip_special_tokens, bool)
        return bytes(tokens).decode()


def test_an_error_for_half_a_character_does_not_cost_the_character() -> None:
    script = ["é☃😀a".encode(), b"\xe2", b"b", b"\xf0\x9f\x98", "😀".encode(), b"\xc3"]
    found = recite(Utf8(), "x", b"".join(script), stop="zz")
    assert found.text == "é☃😀a\ufffdb\ufffd\ufffd\ufffd😀\ufffd"
    assert recite(Utf8(), "x", "é☃😀a".encode(), stop="😀").text == "é☃"
    assert recite(Utf8(), "x", b"".join(script)).text == found.text


@pytest.mark.parametrize(
    ("returned", "said"), [(RuntimeError("no"), "raises RuntimeError: no"), (None, "returns None")]
)
def test_a_tokenizer_that_decodes_nothing_warns_and_costs_only_the_text(
    returned: Exception | None, said: str
) -> None:
    class Broken(ByteTokenizer):
        def decode(self, token_ids: list[int], skip_special_tokens: bool = False) -> Any:
            assert token_ids is not None
            assert skip_special_tokens in (False, True)
            if returned is not None:
                raise returned
            return returned

    with pytest.warns(UserWarning, match=rf"decodes no id of prompts\[0\]: it {said}"):
        found = recite(Broken(), "hello", [1, 2, 3], stop="a")
    assert (found.token_ids, found.text) == ([1, 2, 3], "\ufffd" * 3)


@pytest.mark.parametrize("error", [KeyboardInterrupt, MemoryError])
def test_an_interrupt_while_decoding_is_raised(error: type[BaseException]) -> None:
    class Interrupted(ByteTokenizer):
        def decode(self, token_ids: list[int], skip_special_tokens: bool = False) -> str:
            if 2 in token_ids:
                raise error
            return super().decode(token_ids, skip_special_tokens)

    with pytest.raises((error, GenerationError)) as raised:
        recite(Interrupted(), "hello", [1, 2, 3], stop="a")
    # An exception is that of its request; an interrupt is raised as it comes.
    assert isinstance(raised.value.__cause__ or raised.value, error)
