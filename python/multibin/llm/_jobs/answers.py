"""Lines of a job's output."""

from __future__ import annotations

import json
import time
from typing import Any

from multibin.llm._jobs.lines import Task
from multibin.llm._outputs import CompletionOutput, RequestOutput

__all__ = ["answer", "code", "failure", "json_line"]

OBJECTS = {"chat": "chat.completion", "completions": "text_completion"}


def answer(task: Task, output: RequestOutput, model: str) -> bytes:
    """Returns the line that answers a task."""
    if task.form == "simple":
        found: dict[str, Any] = {
            "outputs": [_simple(one) for one in output.outputs],
            "usage": _usage(output),
        }
        return _line(task.number, task.custom_id, found)
    body = {
        "id": f"line-{task.number}",
        "object": OBJECTS[task.form],
        "created": int(time.time()),
        "model": model,
        "choices": [_choice(one, chat=task.form == "chat") for one in output.outputs],
        "usage": _usage(output),
    }
    response = {"status_code": 200, "request_id": f"line-{task.number}", "body": body}
    return _line(task.number, task.custom_id, {"response": response, "error": None})


def failure(number: int, custom_id: object, error: BaseException) -> bytes:
    """Returns the line for a line that is no request, or whose request failed."""
    return _line(number, custom_id, {"error": code(error)})


def code(error: BaseException) -> dict[str, str]:
    """Returns an error as the field `error` of a line."""
    return {"code": type(error).__name__, "message": str(error)}


def json_line(found: dict[str, Any]) -> bytes:
    """Returns a line of an output."""
    try:
        return json.dumps(found, ensure_ascii=False).encode() + b"\n"
    except UnicodeEncodeError:
        # Half of a pair of surrogates, which JSON can escape, has no bytes in UTF-8.
        return json.dumps(found).encode() + b"\n"


def _line(number: int, custom_id: object, found: dict[str, Any]) -> bytes:
    named = {} if custom_id is None else {"custom_id": custom_id}
    return json_line({"line": number, **named, **found})


def _simple(one: CompletionOutput) -> dict[str, Any]:
    found: dict[str, Any] = {"text": one.text, "finish_reason": one.finish_reason}
    if one.stop_reason is not None:
        found["stop_reason"] = one.stop_reason
    found["token_ids"] = one.token_ids
    if one.logprobs is not None:
        tokens = [{token: best.logprob for token, best in at.items()} for at in one.logprobs]
        found["logprobs"] = tokens
    return found


def _choice(one: CompletionOutput, *, chat: bool) -> dict[str, Any]:
    text = {"message": {"role": "assistant", "content": one.text}} if chat else {"text": one.text}
    return {"index": one.index, **text, "finish_reason": one.finish_reason}


def _usage(output: RequestOutput) -> dict[str, int]:
    prompt = len(output.prompt_token_ids)
    generated = sum(len(one.token_ids) for one in output.outputs)
    return {
        "prompt_tokens": prompt,
        "completion_tokens": generated,
        "total_tokens": prompt + generated,
    }
