"""A small seeded Llama and a byte tokenizer, built in place: nothing is downloaded."""

from __future__ import annotations

import torch
from transformers import LlamaConfig, LlamaForCausalLM

from multibin._args import integer, sentence

SPECIAL = {256: "<bos>", 257: "<eos>", 258: "<pad>"}


class ByteTokenizer:
    """UTF-8 bytes as ids 0 … 255, then three special tokens."""

    bos_token_id = 256
    eos_token_id = 257
    pad_token_id = 258
    vocab_size = 259

    def encode(self, text: str) -> list[int]:
        """Returns the bytes of `text`, without special tokens.

        >>> from multibin.llm._load.tiny import ByteTokenizer
        >>> ByteTokenizer().encode("né")
        [110, 195, 169]
        """
        return list(text.encode())

    def decode(self, token_ids: list[int], skip_special_tokens: bool = False) -> str:
        """Returns the text of `token_ids`; what is not UTF-8 becomes U+FFFD.

        >>> ByteTokenizer().decode([110, 195, 169, 257])
        'né<eos>'

        Raises:
            ValueError: an id outside 0 … 258.
        """
        pieces = [self._bytes(token, skip_special_tokens) for token in token_ids]
        return b"".join(pieces).decode(errors="replace")

    def _bytes(self, token: int, skip_special_tokens: bool) -> bytes:
        if token < 256:
            return bytes([token])
        if token not in SPECIAL:
            raise ValueError(sentence("token_ids", "ids between 0 and 258", token))
        return b"" if skip_special_tokens else SPECIAL[token].encode()


def tiny_model(width: int = 1, *, seed: int = 0, context: int = 1024) -> LlamaForCausalLM:
    """Returns a Llama with random weights for the ids of `ByteTokenizer`, float32 on the CPU.

    It has two layers, grouped-query attention (4 heads, 2 of keys and values) and a hidden size of
    128 · width.

    >>> from multibin.llm._load.tiny import tiny_model
    >>> tiny_model(2).config.hidden_size
    256

    Args:
        width: scales the hidden, head and feed-forward sizes, at least 1.
        seed: of the weights; torch's global generator is left untouched.
        context: the most positions, at least 1.
    """
    hidden = 128 * integer("width", width, low=1)
    config = LlamaConfig(
        vocab_size=ByteTokenizer.vocab_size,
        hidden_size=hidden,
        intermediate_size=2 * hidden,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=integer("context", context, low=1),
        bos_token_id=ByteTokenizer.bos_token_id,
        eos_token_id=ByteTokenizer.eos_token_id,
        pad_token_id=ByteTokenizer.pad_token_id,
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return LlamaForCausalLM(config).eval()
