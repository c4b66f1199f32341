"""Chat messages to prompts: the template writes the special tokens, and no start is doubled."""

from __future__ import annotations

from typing import Any

import pytest
from tokenizers import AddedToken, Tokenizer, models, pre_tokenizers, processors
from transformers import PreTrainedTokenizerFast

from multibin.llm import LLM, SamplingParams
from multibin.llm._engine.admission import Admission
from multibin.llm._engine.chat import chat_prompts
from multibin.llm._load.models import load
from multibin.llm._load.tiny import ByteTokenizer, tiny_model
from multibin.llm._load.tokenizers import Choice

TEMPLATE = (
    "{{ '<s>' }}{% for m in messages %}{{ '<' + m['role'] + '>' + m['content'] }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<assistant>' + (mood or '') }}{% endif %}"
)
WORDS = ["<unk>", "hi", "bye", "sad"]
SPECIAL = ["<s>", "<user>", "<assistant>", "<system>"]


def chatty(template: str | None = TEMPLATE) -> Any:
    """Returns a tokenizer that begins every text with <s>, with a chat template that does too."""
    core = Tokenizer(models.WordLevel({w: i for i, w in enumerate(WORDS)}, unk_token="<unk>"))
    core.pre_tokenizer = pre_tokenizers.Whitespace()
    core.add_special_tokens([AddedToken(t, special=True, normalized=False) for t in SPECIAL])
    start = [("<s>", len(WORDS))]
    core.post_processor = processors.TemplateProcessing(single="<s> $A", special_tokens=start)
    return PreTrainedTokenizerFast(tokenizer_object=core, chat_template=template)


USER = {"role": "user", "content": "hi"}
ANSWER = {"role": "assistant", "content": "bye"}


def admission(tokenizer: Any) -> Admission:
    return Admission(load(tiny_model()), Choice(tokenizer))


def encoded(messages: Any, **options: Any) -> list[str]:
    """Returns the tokens of the only prompt."""
    tokenizer = chatty()
    ready = admission(tokenizer)
    [request] = ready.requests(ready.chat(messages, **options), SamplingParams())
    tokens: list[str] = tokenizer.convert_ids_to_tokens(request.prompt_tokens)
    return tokens


def test_a_conversation_is_a_prompt_with_one_start() -> None:
    assert encoded([USER]) == ["<s>", "<user>", "hi", "<assistant>"]
    assert encoded([USER], add_special_tokens=True)[:2] == ["<s>", "<s>"]
    assert chatty().encode("hi") == [4, 1]


def test_options_reach_the_template() -> None:
    assert encoded([USER], mood="sad")[-1] == "sad"
    assert encoded([USER], add_generation_prompt=False) == ["<s>", "<user>", "hi"]
    assert encoded([USER], chat_template="hi {{ messages | length }}")[0] == "hi"
    continued = encoded([USER, ANSWER], add_generation_prompt=False, continue_final_message=True)
    assert continued == ["<s>", "<user>", "hi", "<assistant>", "bye"]


def test_several_conversations_are_several_prompts() -> None:
    prompts = chat_prompts(chatty(), [[USER], [USER, ANSWER, USER]])
    assert [prompt["prompt"] for prompt in prompts] == [
        "<s><user>hi<assistant>",
        "<s><user>hi<assistant>bye<user>hi<assistant>",
    ]


def test_contents_in_parts_are_their_text() -> None:
    parts = [{"type": "text", "text": "hi"}, {"type": "text", "text": "bye"}]
    [prompt] = chat_prompts(chatty(), [{"role": "user", "content": parts}])
    assert prompt["prompt"] == "<s><user>hi\nbye<assistant>"


def test_the_prompts_are_those_of_generate() -> None:
    llm = LLM(tiny_model(), chatty())
    prompts: Any = chat_prompts(chatty(), [USER])
    [output] = llm.generate(prompts, SamplingParams(max_tokens=1, temperature=0), use_tqdm=False)
    assert output.prompt == "<s><user>hi<assistant>"
    assert output.prompt_token_ids == [4, 5, 1, 6]


@pytest.mark.parametrize(
    ("tokenizer", "messages", "error", "message"),
    [
        (None, [USER], ValueError, "chat must have a tokenizer, got None: no folder"),
        (ByteTokenizer(), [USER], ValueError, "tokenizer must be .* with a chat template, got"),
        (chatty(None), [USER], ValueError, "tokenizer must be .* with a chat template, got"),
        (chatty(), [], TypeError, r"messages must be a non-empty list .*, got \[\]"),
        (chatty(), "hi", TypeError, "messages must be a non-empty list .*, got 'hi'"),
        (chatty(), [[USER], []], TypeError, r"messages\[1\] must be a non-empty list .*, got \[\]"),
        (chatty(), [{"content": "hi"}], TypeError, r"messages\[0\] must be a message with a role"),
        (chatty(), [[USER], ["hi"]], TypeError, r"messages\[1\]\[0\] must be a message .* 'hi'"),
        (
            chatty("{{ raise_exception('no system') }}"),
            [USER],
            ValueError,
            "messages must be messages that the chat template accepts, got .*no system",
        ),
        (
            chatty(),
            [{"role": "user", "content": [{"type": "image"}]}],
            ValueError,
            r"messages\[0\]\['content'\]\[0\] must be a part of type text",
        ),
    ],
)
def test_what_is_no_chat_is_named(
    tokenizer: Any, messages: Any, error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        chat_prompts(tokenizer, messages, missing=": no folder")


def test_a_final_message_is_not_continued_with_a_generation_prompt() -> None:
    with pytest.raises(ValueError, match="continue_final_message must be False with add_gen"):
        chat_prompts(chatty(), [USER], continue_final_message=True)


def test_text_without_special_tokens() -> None:
    tokenizer = chatty()
    prompts: Any = [{"prompt": "hi"}, {"prompt": "hi", "add_special_tokens": False}, "hi"]
    requests = admission(tokenizer).requests(prompts, SamplingParams())
    assert [request.prompt_tokens for request in requests] == [[4, 1], [1], [4, 1]]
    bad: Any = {"prompt": "hi", "add_special_tokens": 1}
    with pytest.raises(TypeError, match="add_special_tokens must be a bool, got 1"):
        admission(tokenizer).requests(bad, SamplingParams())


class Spaced(ByteTokenizer):
    """Words of which one is another token, one more tokens, one nothing else behind a space."""

    def encode(self, text: str) -> list[int]:
        known = {"hi": [1], " hi": [2], "go": [3], " go": [4, 3], "we": [5], " we": [5]}
        return known[text]


def test_bad_words_are_encoded_at_the_beginning_and_behind_a_space() -> None:
    def ids(words: list[str], tokenizer: Any) -> Any:
        params = SamplingParams(bad_words=words)
        return admission(tokenizer).requests([1], params)[0].bad_word_ids

    assert ids(["hi", " bye bye"], chatty()) == [[1], [2, 2]]
    assert ids(["hi", "go", "we"], Spaced()) == [[1], [2], [3], [5]]


def test_bad_words_without_tokens_are_named() -> None:
    class Silent(ByteTokenizer):
        def encode(self, text: str) -> list[int]:
            return super().encode(text.strip())

    params = SamplingParams(bad_words=["a", "\u3000"])
    with pytest.raises(ValueError, match=r"bad_words\[1\] must be text of at least one token"):
        admission(Silent()).requests("hi", params)
    with pytest.raises(ValueError, match="bad_words must be None without a tokenizer"):
        admission(None).requests([1], params)
