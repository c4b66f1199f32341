"""Lines of a job's input: each is one request, in a short form or in that of OpenAI's batches."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields, replace
from typing import Any, Literal, TypeAlias

from multibin._args import number, sentence, shown
from multibin.llm._jobs.output import Done
from multibin.llm._params import SamplingParams

__all__ = ["Form", "Task", "custom_id", "json_object", "parse", "skip"]

Form: TypeAlias = Literal["simple", "completions", "chat"]
"""How a line asks, and so how it is answered."""

PROMPTS = ("prompt", "prompt_token_ids", "messages")
PARAMS = {field.name for field in fields(SamplingParams)} - {"logits_processors", "prompt_logprobs"}
URLS: dict[str, Form] = {"/v1/chat/completions": "chat", "/v1/completions": "completions"}
RENAMED = {"max_completion_tokens": "max_tokens"}
IGNORED = {"model", "user", "stream", "metadata", "store"}
"""Fields of a body that change no text."""


@dataclass(frozen=True)
class Task:
    """One request of a job."""

    number: int
    """The number of its line, from 1 on."""
    form: Form
    custom_id: object
    prompt: Any
    """Text or token ids; None where there are messages."""
    messages: Any
    params: SamplingParams
    length: float | None
    """The predicted output tokens."""


def parse(number: int, line: bytes, defaults: SamplingParams) -> Task:
    """Returns the request of a line.

    Args:
        number: of the line, from 1 on.
        line: one JSON object.
        defaults: parameters that the line does not set.

    Raises:
        TypeError, ValueError: the line is no request. The message names the field.
    """
    fields = json_object(line)
    name = fields.pop("custom_id", None)
    form: Form = "simple"
    if "body" in fields:
        form, fields = _body(fields)
    length = fields.pop("length", None)
    prompt, messages = _prompt(fields)
    return Task(number, form, name, prompt, messages, _params(fields, defaults), _length(length))


def json_object(line: bytes) -> dict[str, Any]:
    """Returns the fields of a line, or raises a ``ValueError`` if it is no JSON object."""
    try:
        fields = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"the line must be JSON: {error}") from None
    if not isinstance(fields, dict):
        raise ValueError(sentence("the line", "a JSON object", fields))
    return fields


def custom_id(line: bytes) -> object:
    """Returns the caller's name of a line, None for one without it or that is no JSON object."""
    try:
        return json_object(line).get("custom_id")
    except ValueError:
        return None


def skip(lines: Iterator[tuple[int, bytes]], done: Done) -> int:
    """Skips the numbered lines that have an answer, and returns how many are not blank.

    Raises:
        ValueError: the input has fewer lines, another line there, or more lines without an answer.
    """
    number, line, skipped = 0, b"", 0
    while number < done.line:
        number, line = next(lines, (done.line + 1, b""))
        skipped += bool(line.strip())
    if number > done.line:
        raise ValueError(f"the input must have {done.line} lines, as many have answers")
    if done.line and done.custom_id != custom_id(line):
        raise ValueError(
            f"the output must be of this input, its answer to line {done.line} is to "
            f"custom_id {done.custom_id!r}, the line has {custom_id(line)!r}"
        )
    if skipped != done.answers:
        raise ValueError(
            f"the output must have an answer to each line up to line {done.line} that is not "
            f"blank, got {done.answers} answers to {skipped} lines"
        )
    return skipped


def _body(fields: dict[str, Any]) -> tuple[Form, dict[str, Any]]:
    """Returns the form and the fields of the request inside a line of OpenAI's batches."""
    body, url = fields["body"], fields.get("url", "/v1/chat/completions")
    if url not in URLS:
        raise ValueError(sentence("url", f"one of {', '.join(URLS)}", url))
    if fields.get("method", "POST") != "POST":
        raise ValueError(sentence("method", "POST", fields["method"]))
    if not isinstance(body, dict):
        raise ValueError(sentence("body", "a JSON object", body))
    named: dict[str, Any] = {
        RENAMED.get(str(name), str(name)): value
        for name, value in body.items()
        if name not in IGNORED
    }
    if named.get("logprobs") is not None and named.pop("logprobs") is not False:
        raise ValueError(sentence("logprobs", "left out of a body", body["logprobs"]))
    return URLS[url], named


def _prompt(fields: dict[str, Any]) -> tuple[Any, Any]:
    given = [name for name in PROMPTS if fields.get(name) is not None]
    if len(given) != 1:
        got = shown(given or [*fields])
        raise ValueError(
            f"the line must have exactly one of the fields {', '.join(PROMPTS)}, got {got}"
        )
    prompts = {name: fields.pop(name, None) for name in PROMPTS}
    if given == ["messages"]:
        return None, prompts["messages"]
    return prompts[given[0]], None


def _params(fields: Mapping[str, Any], defaults: SamplingParams) -> SamplingParams:
    if unknown := sorted(fields.keys() - PARAMS):
        raise ValueError(sentence("the line", "one of known fields", ", ".join(unknown)))
    chosen = dict(fields)
    if isinstance(bias := chosen.get("logit_bias"), dict):
        # JSON has no other keys than strings.
        chosen["logit_bias"] = {int(token): value for token, value in bias.items()}
    return replace(defaults, **chosen)


def _length(length: object) -> float | None:
    return None if length is None else number("length", length, low=0)
