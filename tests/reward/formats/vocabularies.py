"""Small tokenizers that treat marks, spaces and special tokens as real ones do."""

from __future__ import annotations

from typing import Any

from tokenizers import (
    Regex,
    Tokenizer,
    decoders,
    models,
    normalizers,
    pre_tokenizers,
    processors,
    trainers,
)
from transformers import PreTrainedTokenizerFast

WORDS = (
    *("What", "is", "1", "+", "?", "Step", "1:", "It", "2", ".", "So", "the", "answer", "-"),
    *("yes", "no", "Yes", "No", "руки", "вода", "!", ","),
)
TEXT = [" ".join(WORDS), *(f"{word} {word}" for word in WORDS)]

LINES = Regex(r"[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+")
"""Line breaks and the spaces before them are one word, as in the vocabularies of Llama 3 and Qwen;
so are signs and the line breaks behind them."""

LLAMA = (
    "<|begin_of_text|>{% for message in messages %}"
    "<|start_header_id|>{{ message['role'] }}<|end_header_id|>\n\n"
    "{{ message['content'] | trim }}<|eot_id|>{% endfor %}"
    "{% if add_generation_prompt %}<|start_header_id|>assistant<|end_header_id|>\n\n{% endif %}"
)
QWEN = (
    "{% for message in messages %}<|im_start|>{{ message['role'] }}\n"
    "{{ message['content'] }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
MISTRAL = (
    "<s>{% for message in messages %}{% if message['role'] == 'user' %}"
    "[INST] {{ message['content'] }} [/INST]{% else %} {{ message['content'] }}</s>"
    "{% endif %}{% endfor %}"
)

SPECIAL = ["<|begin_of_text|>", "<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>"]
QWEN_SPECIAL = ["<|im_start|>", "<|im_end|>", "<extra_0>"]


def byte_level(
    mark: str = " \n\n\n\n",
    *,
    trims: bool = False,
    joins: bool = False,
    bos: bool = True,
    template: str | None = LLAMA,
) -> Any:
    """Byte-level BPE: `mark` is one token.

    `trims`: spaces have no offsets, as in GPT-2's. `joins`: tokens cross from word to word.
    """
    tokenizer = Tokenizer(models.BPE())
    parts: list[Any] = [] if joins else [pre_tokenizers.Split(LINES, "isolated")]
    parts.append(pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False))
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(parts)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=600,
        special_tokens=[*SPECIAL, *QWEN_SPECIAL],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    lines = [f"a{mark}b", "a\n\n\n\nb.\nc", "a; b  c;  d", "+; -  1;  ."]
    tokenizer.train_from_iterator([*TEXT, *lines * 20], trainer)
    steps: list[Any] = [processors.ByteLevel(trim_offsets=trims)]
    if bos:
        first = tokenizer.token_to_id(SPECIAL[0])
        single, pair = f"{SPECIAL[0]} $A", f"{SPECIAL[0]} $A {SPECIAL[0]} $B"
        steps.append(processors.TemplateProcessing(single, pair, [(SPECIAL[0], first)]))
    tokenizer.post_processor = processors.Sequence(steps)
    return _fast(tokenizer, template, bos_token=SPECIAL[0] if bos else None)


def sentencepiece(*, crosses: bool = False, template: str | None = MISTRAL) -> Any:
    """BPE with a space before each text and `▁` for spaces, as Llama 2 and Mistral have.

    `crosses`: one token goes on from a step's mark into the next step.
    """
    tokenizer = Tokenizer(models.BPE(byte_fallback=True, unk_token="<unk>"))
    tokenizer.normalizer = normalizers.Sequence(
        [normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")]
    )
    tokenizer.pre_tokenizer = pre_tokenizers.Split(
        Regex("▁+[^▁]*" if crosses else "▁+[^▁\n]*|\n"), "isolated"
    )
    tokenizer.decoder = decoders.Sequence(
        [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse()]
    )
    byte_names = [f"<0x{byte:02X}>" for byte in range(256)]
    trainer = trainers.BpeTrainer(
        vocab_size=500,
        special_tokens=["<unk>", "<s>", "</s>", *byte_names],
        show_progress=False,
    )
    tokenizer.train_from_iterator([*TEXT, *["2 ки\nStep 2: 3 ки\nStep 3: 1 ки"] * 5], trainer)
    first = [("<s>", tokenizer.token_to_id("<s>"))]
    tokenizer.post_processor = processors.TemplateProcessing("<s> $A", "<s> $A $B", first)
    return _fast(tokenizer, template, bos_token="<s>", eos_token="</s>", unk_token="<unk>")


def words() -> Any:
    """One token a word, and none for spaces, line breaks and spaces of no width."""
    names = {word: at for at, word in enumerate(["[UNK]", "[PAD]", *sorted({*WORDS, ";"})])}
    tokenizer = Tokenizer(models.WordLevel(names, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.Replace("\u200b", "")
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    return _fast(tokenizer, None, unk_token="[UNK]", pad_token="[PAD]")


def bert() -> Any:
    """Words between [CLS] and [SEP], with types for the texts of a pair."""
    special = ["[UNK]", "[CLS]", "[SEP]", "[PAD]"]
    names = {word: at for at, word in enumerate([*special, *sorted(set(WORDS))])}
    tokenizer = Tokenizer(models.WordLevel(names, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    tokenizer.post_processor = processors.TemplateProcessing(
        "[CLS] $A [SEP]", "[CLS] $A [SEP] $B:1 [SEP]:1", [("[CLS]", 1), ("[SEP]", 2)]
    )
    return _fast(
        tokenizer,
        None,
        unk_token="[UNK]",
        cls_token="[CLS]",
        sep_token="[SEP]",
        pad_token="[PAD]",
        model_input_names=["input_ids", "token_type_ids", "attention_mask"],
    )


def _fast(tokenizer: Tokenizer, template: str | None, **names: Any) -> Any:
    fast = PreTrainedTokenizerFast(tokenizer_object=tokenizer, **names)
    fast.chat_template = template
    return fast
