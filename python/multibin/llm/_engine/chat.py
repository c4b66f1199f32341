"""Chat messages to prompts, by the chat template of the tokenizer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

from multibin._args import sentence
from multibin.llm._load.failures import first_line
from multibin.llm._load.tokenizers import Tokenizer

Message: TypeAlias = Mapping[str, Any]
"""{"role": …, "content": text}; the content may be a list of {"type": "text", "text": …}."""

Messages: TypeAlias = Sequence[Message] | Sequence[Sequence[Message]]
"""One conversation, or a list of them."""


def chat_prompts(
    tokenizer: Tokenizer | None,
    messages: Messages,
    add_generation_prompt: bool = True,
    *,
    continue_final_message: bool = False,
    add_special_tokens: bool = False,
    chat_template: str | None = None,
    missing: str = "",
    **template_arguments: Any,
) -> list[dict[str, Any]]:
    """Returns a prompt for each conversation, in the form that `generate` takes.

    A template writes the special tokens itself. So the tokenizer adds none, and no start token is
    doubled.

    Args:
        tokenizer: one with a chat template.
        messages: one conversation, or a list of them.
        add_generation_prompt: whether the prompt ends with the beginning of an answer.
        continue_final_message: whether the prompt ends in the last message, which is continued;
            only with `add_generation_prompt=False`.
        add_special_tokens: whether the tokenizer adds special tokens to the template's text.
        chat_template: used instead of the tokenizer's own.
        missing: why there is no tokenizer; it follows the message of that error.
        template_arguments: more variables of the template, such as `tools` or `enable_thinking`.

    Raises:
        TypeError: messages of the wrong type.
        ValueError: there is no tokenizer or no template, or the template refuses the messages.
    """
    if continue_final_message and add_generation_prompt:
        rule = "False with add_generation_prompt"
        raise ValueError(sentence("continue_final_message", rule, continue_final_message))
    apply = _template_of(tokenizer, chat_template, missing)
    options = {
        "add_generation_prompt": add_generation_prompt,
        "continue_final_message": continue_final_message,
        "chat_template": chat_template,
        **template_arguments,
    }
    prompts = []
    for name, conversation in _conversations(messages):
        plain = _plain(name, conversation)
        try:
            text = apply(plain, tokenize=False, **options)
        except Exception as error:
            rule = "messages that the chat template accepts"
            message = sentence(name, rule, conversation)
            raise ValueError(f"{message}: {first_line(error)}") from error
        prompts.append({"prompt": text, "add_special_tokens": add_special_tokens})
    return prompts


def _template_of(tokenizer: Any, chat_template: str | None, missing: str) -> Any:
    """Returns the tokenizer's method that applies a chat template."""
    if tokenizer is None:
        raise ValueError(f"chat must have a tokenizer, got None{missing}")
    apply = getattr(tokenizer, "apply_chat_template", None)
    if apply is None or not (chat_template or getattr(tokenizer, "chat_template", None)):
        rule = "a tokenizer with a chat template"
        raise ValueError(sentence("tokenizer", rule, tokenizer))
    return apply


def _conversations(messages: Messages) -> list[tuple[str, Sequence[Message]]]:
    """Returns conversations with the names that errors give them."""
    if not isinstance(messages, list | tuple) or not messages:
        rule = "a non-empty list of messages, or a list of such lists"
        raise TypeError(sentence("messages", rule, messages))
    if isinstance(messages[0], Mapping):
        return [("messages", messages)]
    return [(f"messages[{index}]", one) for index, one in enumerate(messages)]


def _plain(name: str, conversation: Sequence[Message]) -> list[dict[str, Any]]:
    """Returns messages whose contents are text."""
    if not isinstance(conversation, list | tuple) or not conversation:
        raise TypeError(sentence(name, "a non-empty list of messages", conversation))
    plain = []
    for index, message in enumerate(conversation):
        if not isinstance(message, Mapping) or "role" not in message:
            rule = "a message with a role and a content"
            raise TypeError(sentence(f"{name}[{index}]", rule, message))
        content = message.get("content")
        if isinstance(content, list | tuple):
            content = _joined(f"{name}[{index}]['content']", content)
        plain.append({**message, "content": content})
    return plain


def _joined(name: str, parts: Sequence[Any]) -> str:
    """Returns the text of a content in parts, a line each as in vLLM."""
    for index, part in enumerate(parts):
        if not isinstance(part, Mapping) or not isinstance(part.get("text"), str):
            raise ValueError(sentence(f"{name}[{index}]", "a part of type text", part))
    return "\n".join(part["text"] for part in parts)
