"""Piecewise decoding equals whole decoding, for each family of tokenizers and at each token."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers
from transformers import (
    BertJapaneseTokenizer,
    ByT5Tokenizer,
    CanineTokenizer,
    CTRLTokenizer,
    PerceiverTokenizer,
    PreTrainedTokenizer,
    PreTrainedTokenizerFast,
)

from multibin.llm._engine.detokenize import Detokenizer, text_after
from multibin.llm._engine.stops import Stop, StopFinder
from multibin.llm._load.tiny import ByteTokenizer

SEQUENCES = 500
"""Sequences for each family; one in fifty is long."""

WORDS = ["the", "world", "it", "s", "n", "t", "do", "re", "'", ".", ",", "?", "don't", "X", "7"]
WIDE = ["é", "☃", "日本", "👩‍🚀", "ñ", "สวัสดี"]


def fast(model: Any, decoder: Any, **options: Any) -> Any:
    """Returns a fast tokenizer with added tokens of each kind."""
    core = Tokenizer(model)
    if decoder is not None:
        core.decoder = decoder
    core.add_special_tokens(
        [AddedToken(t, special=True, normalized=False) for t in ("<|im_end|>", "<ün ï>")]
    )
    core.add_special_tokens([AddedToken("<mask>", special=True, lstrip=True, rstrip=True)])
    core.add_tokens([AddedToken("<think>", normalized=False), AddedToken("<b c> ")])
    return PreTrainedTokenizerFast(tokenizer_object=core, unk_token="<unk>", **options)


def numbered(pieces: list[str]) -> dict[str, int]:
    return {piece: index for index, piece in enumerate(dict.fromkeys(pieces))}


def byte_level(_: Path) -> Any:
    """Returns a tokenizer of single bytes, words, and merges that end inside a character."""
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    level = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    texts = [*WORDS, *(f" {word}" for word in WORDS), *WIDE, " ", "\n", "\n\n", "  "]
    pieces = [level.pre_tokenize_str(text)[0][0] for text in texts]
    halves = [piece[:-1] for piece in pieces if len(piece) > 1] + [piece[1:] for piece in pieces]
    vocabulary = numbered(["<unk>", *sorted(alphabet), *pieces, *filter(None, halves)])
    return fast(models.BPE(vocab=vocabulary, merges=[]), decoders.ByteLevel())


BYTES = [f"<0x{byte:02X}>" for byte in range(256)]
MARKED = [*WORDS, *(f"▁{word}" for word in WORDS), *WIDE, "▁", "▁▁", "\n", "▁☃", "x▁y"]


def sentencepiece(decoder: Any) -> Callable[[Path], Any]:
    """Returns a builder of a tokenizer whose pieces hold spaces as "▁", with byte fallback."""
    vocabulary = numbered(["<unk>", *MARKED, *BYTES])
    return lambda _: fast(models.BPE(vocab=vocabulary, merges=[], byte_fallback=True), decoder)


def llama(*, strip: bool) -> Any:
    """Returns the decoder of Llama 2 with `strip`, of Gemma without."""
    steps = [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse()]
    return decoders.Sequence([*steps, decoders.Strip(" ", 1, 0)] if strip else steps)


def metaspace(scheme: str) -> Callable[[Path], Any]:
    """Returns a builder of a Metaspace tokenizer; T5 has the scheme "always"."""
    vocabulary = [(piece, -1.0) for piece in ["<unk>", *MARKED]]
    decoder = decoders.Metaspace(replacement="▁", prepend_scheme=scheme)
    return lambda _: fast(models.Unigram(vocabulary, 0), decoder)


def wordpiece(*, cleanup: bool, spaces: bool) -> Callable[[Path], Any]:
    vocabulary = numbered(["<unk>", *WORDS, *WIDE, "'s", "n't", "##ing", "##s", "##'", "do not"])
    decoder = decoders.WordPiece(prefix="##", cleanup=cleanup)
    model = models.WordPiece(vocab=vocabulary, unk_token="<unk>")
    return lambda _: fast(model, decoder, clean_up_tokenization_spaces=spaces)


def words(_: Path) -> Any:
    """Returns a tokenizer without decoder: a space stands between all tokens."""
    return fast(models.WordLevel(vocab=numbered(["<unk>", *WORDS]), unk_token="<unk>"), None)


def suffixed(_: Path) -> Any:
    """Returns a tokenizer in which `</w>` ends a word, as in GPT.

    The space of a word shows once another token follows.
    """
    vocabulary = numbered(["<unk>", *WORDS, *(f"{word}</w>" for word in WORDS)])
    return fast(models.BPE(vocab=vocabulary, merges=[]), decoders.BPEDecoder(suffix="</w>"))


def ctrl(folder: Path) -> Any:
    (folder / "vocab.json").write_text(
        json.dumps(numbered(["<unk>", *WORDS, *(f"{word}@@" for word in WORDS)]))
    )
    (folder / "merges.txt").write_text("#version: 0.2\n")
    return CTRLTokenizer(str(folder / "vocab.json"), str(folder / "merges.txt"))


def japanese(folder: Path) -> Any:
    special = ["[UNK]", "[SEP]", "[PAD]", "[CLS]", "[MASK]"]
    (folder / "vocab.txt").write_text("\n".join([*special, *WORDS, *WIDE, "##ing", "##'"]))
    return BertJapaneseTokenizer(str(folder / "vocab.txt"), word_tokenizer_type="basic")


class Stripping(PreTrainedTokenizer):  # type: ignore[misc]
    """A tokenizer that loses spaces at both ends, as Python tokenizers on sentencepiece do."""

    def __init__(self, **options: Any) -> None:
        self.pieces = ["<unk>", *MARKED]
        super().__init__(unk_token="<unk>", **options)

    @property
    def vocab_size(self) -> int:
        return len(self.pieces)

    def get_vocab(self) -> dict[str, int]:
        return numbered(self.pieces)

    def _convert_id_to_token(self, index: int) -> str:
        return self.pieces[index]

    def convert_tokens_to_string(self, tokens: list[str]) -> str:
        return "".join(tokens).replace("▁", " ").strip()


@dataclass(frozen=True)
class Family:
    build: Callable[[Path], Any]
    size: int
    """The number of ids to try, from 0; some lie beyond the vocabulary, if those decode."""
    joins: bool = False
    """True if the decoder, not a token, puts the space before a word."""


FAMILIES = {
    "byte level": Family(byte_level, 500),
    "llama 2": Family(sentencepiece(llama(strip=True)), 320),
    "gemma": Family(sentencepiece(llama(strip=False)), 320),
    "metaspace always": Family(metaspace("always"), 60),
    "metaspace first": Family(metaspace("first"), 60),
    "metaspace never": Family(metaspace("never"), 60),
    "wordpiece": Family(wordpiece(cleanup=False, spaces=False), 40, joins=True),
    "wordpiece cleanup": Family(wordpiece(cleanup=True, spaces=False), 40, joins=True),
    "wordpiece spaces": Family(wordpiece(cleanup=True, spaces=True), 40, joins=True),
    "words": Family(words, 22, joins=True),
    "suffixed": Family(suffixed, 40, joins=True),
    "ctrl": Family(ctrl, 35, joins=True),
    "japanese": Family(japanese, 32, joins=True),
    "stripping": Family(lambda _: Stripping(), 41),
    "byt5": Family(lambda _: ByT5Tokenizer(), 270),
    "canine": Family(lambda _: CanineTokenizer(), 0x400),
    "perceiver": Family(lambda _: PerceiverTokenizer(), 262),
    "bytes": Family(lambda _: ByteTokenizer(), 259),
}


@pytest.fixture(scope="module", params=list(FAMILIES))
def family(request: pytest.FixtureRequest) -> Family:
    return FAMILIES[request.param]


@pytest.fixture(scope="module")
def tokenizer(family: Family, tmp_path_factory: pytest.TempPathFactory) -> Any:
    return family.build(tmp_path_factory.mktemp("tokenizer"))


class Whole:
    """Text by its definition: all tokens decoded, without what the prompt alone gives."""

    def __init__(self, tokenizer: Any, prompt: list[int], *, joins: bool) -> None:
        self.tokenizer = tokenizer
        self.prompt = prompt
        self.joins = joins
        self.base = tokenizer.decode(prompt, skip_special_tokens=True)

    def text(self, tokens: list[int]) -> str:
        whole = self.tokenizer.decode(self.prompt + tokens, skip_special_tokens=True)
        shared = len(self.base)
        while not whole.startswith(self.base[:shared]):
            shared -= 1
        text: str = whole[shared:]
        between = self.base and shared == len(self.base) and self.between(tokens)
        return text.removeprefix(" ") if between else text

    def between(self, tokens: list[int]) -> bool:
        """Returns whether no generated token holds the space before the text."""
        if not isinstance(self.tokenizer, Stripping):
            return self.joins
        for piece in self.tokenizer.convert_ids_to_tokens(tokens, skip_special_tokens=True):
            if piece.startswith("▁") or piece.strip():
                return not piece.startswith("▁")
        return False


def draw(chance: random.Random, size: int, length: int) -> list[int]:
    """Returns ids, a mix of three kinds: any, out of a few, and runs of one."""
    few = [chance.randrange(size) for _ in range(chance.randint(1, 6))]
    tokens: list[int] = []
    while len(tokens) < length:
        kind = chance.random()
        if kind < 0.4:
            tokens.append(chance.randrange(size))
        elif kind < 0.9:
            tokens.append(chance.choice(few))
        else:
            tokens += [chance.choice(few)] * chance.randint(1, 30)
    return tokens[:length]


def test_piecewise_equals_whole_at_every_token(family: Family, tokenizer: Any) -> None:
    chance = random.Random(1)
    for sequence in range(SEQUENCES):
        length = chance.randint(60, 120) if sequence % 50 == 0 else chance.randint(1, 8)
        prompt = draw(chance, family.size, chance.choice([1, 2, 5, 40]))
        tokens = draw(chance, family.size, length)
        expected = Whole(tokenizer, prompt, joins=family.joins)
        detokenizer = Detokenizer(tokenizer, prompt)
        known = ""
        for count, token in enumerate(tokens, 1):
            changed = detokenizer.push(token)
            text = detokenizer.text
            assert text == expected.text(tokens[:count]), (prompt, tokens[:count])
            assert text[:changed] == known[:changed]
            known = text
        assert text_after(tokenizer, prompt, tokens) == known


@pytest.mark.parametrize("spaces", [False, True])
def test_contractions_wherever_the_window_ends(spaces: bool, tmp_path: Path) -> None:
    tokenizer = wordpiece(cleanup=True, spaces=spaces)(tmp_path)
    chance = random.Random(3)
    groups = ["do n ' t", "it ' s", "do n't", "the ##ing", "the", "X ?", "' re", "7 , ."]
    for _ in range(100):
        text = " ".join(chance.choices(groups, k=30)).split()
        tokens = tokenizer.convert_tokens_to_ids(text)
        expected = Whole(tokenizer, tokens[:1], joins=True)
        detokenizer = Detokenizer(tokenizer, tokens[:1])
        for count in range(1, len(tokens)):
            detokenizer.push(tokens[count])
            assert detokenizer.text == expected.text(tokens[1 : count + 1])


def test_stops_are_found_when_whole_decoding_shows_them(family: Family, tokenizer: Any) -> None:
    chance = random.Random(2)
    plain = [t for t in range(family.size) if not is_special(tokenizer, t)]
    for _ in range(SEQUENCES // 2):
        prompt, places = (draw(chance, len(plain), n) for n in (3, chance.randint(1, 40)))
        tokens = [plain[place] for place in places]
        expected = Whole(tokenizer, prompt, joins=family.joins)
        texts = [expected.text(tokens[:count]) for count in range(1, len(tokens) + 1)]
        begin = chance.randrange(len(texts[-1]) or 1)
        stop = texts[-1][begin : begin + chance.randint(1, 5)] or "x"
        count = next((n for n, text in enumerate(texts, 1) if stop in text), None)
        finder = StopFinder(tokenizer, [stop, "never there"], prompt)
        for n in range(1, len(tokens) + 1):
            if found := finder.push(tokens[:n]):
                text = texts[n - 1]
                assert (n, found) == (count, Stop(text[: text.index(stop)], stop))
                break
        else:
            assert count is None


def is_special(tokenizer: Any, token: int) -> bool:
    skipped, kept = (tokenizer.decode([token], skip_special_tokens=skip) for skip in (True, False))
    return bool(skipped != kept)
