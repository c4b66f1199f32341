"""The names that columns have in the files of many tools."""

from __future__ import annotations

import re

__all__ = [
    *(
        "COUNTED",
        "FAILURES",
        "HASHES",
        "LATENCY",
        "NAMES",
        "STATUSES",
        "SUMS",
        "TEXTS",
        "TTFT",
        "UNITS",
    ),
    *("plain", "tail", "unit_of"),
]

TIME = (
    *("TIMESTAMP", "arrival", "arrival_time", "arrival_timestamp", "arrived_at", "arrival_at"),
    *("request_arrival_time", "request_timestamp", "request_time", "request_received_at"),
    *("scheduled_at", "scheduled_time", "sent_at", "send_time", "request_sent_at"),
    *("submitted_at", "submit_time", "submission_time", "enqueued_at", "enqueue_time"),
    *("request_start", "request_start_time", "request_started_at", "start_time", "start_times"),
    *("started_at", "start_timestamp", "start_ts", "start", "start_time_unix"),
    *("received_at", "requested_at", "request_created_at", "created_at", "created", "create_time"),
    *("creation_time", "created_time", "time", "times", "ts", "datetime", "event_time", "t"),
)
PROMPT = (
    *("ContextTokens", "Request tokens", "prompt_tokens", "input_tokens", "input_length"),
    *("prompt_length", "prompt_len", "input_len", "num_prompt_tokens", "num_prefill_tokens"),
    *("prompt_size", "isl", "num_input", "number_input_tokens", "num_input_tokens"),
    *("input_lens", "prompt_lens", "prompt_token_count", "input_token_count", "input_seq_len"),
    *("input_sequence_length", "prefill_tokens", "n_prompt_tokens", "n_input_tokens"),
    *("tokens_in", "in_tokens", "tokens_prompt", "tokens_input", "input_size", "num_prefill"),
    *("prompt_eval_count", "input_usage", "usage.input", "usage_details.input"),
    *("tokens.prompt", "in"),
)
OUTPUT = (
    *("GeneratedTokens", "Response tokens", "output_tokens", "completion_tokens"),
    *("output_length", "output_len", "completion_length", "num_output_tokens"),
    *("num_generation_tokens", "num_decode_tokens", "token_size", "osl", "num_output"),
    *("number_output_tokens", "output_lens", "completion_token_count", "output_token_count"),
    *("candidates_token_count", "output_seq_len", "output_sequence_length", "decode_tokens"),
    *("num_generated_tokens", "gen_tokens", "generation_tokens", "response_length"),
    *("response_len", "completion_len", "generated_length", "n_output_tokens", "tokens_out"),
    *("out_tokens", "tokens_completion", "tokens_output", "output_size", "num_decode"),
    *("eval_count", "output_usage", "usage.output", "usage_details.output"),
    *("tokens.completion", "out"),
)
PREDICTED = ("predicted", "predicted_tokens", "predicted_length", "predicted_output_tokens")

NAMES = {"time": TIME, "prompt": PROMPT, "output": OUTPUT, "predicted": PREDICTED}
"""Names by role, the foremost first."""

COUNTED = {"prompt": "prompt tokens", "output": "output tokens", "predicted": "predicted tokens"}
"""The roles that are numbers of tokens, in words."""

TTFT = ("ttft", "time_to_first_token", "first_token_latency")
LATENCY = ("end_to_end_latency", "e2e_latency", "e2el", "request_latency", "latency")

HASHES = "hash_ids"
"""The column of the hashes of a prompt's blocks, in order."""

SUMS = (
    *("num_model_requests", "num_requests", "n_requests", "request_count", "requests"),
    *("requests_count", "number_of_requests", "total_requests", "api_requests"),
)
"""Columns that count requests: a row is then no request."""

FAILURES = (
    *("error", "errors", "error_code", "error_msg", "error_message", "failed"),
    *("was_cancelled", "cancelled", "canceled"),
)
"""Columns that say that a request failed, and why."""

STATUSES = (*("status", "result", "outcome", "status_code", "http_status", "response_code"),)
"""Columns in which some words, or codes from 400 on, say that a request failed."""

TEXTS = ("conversations", "conversation", "messages", "prompt", "instruction", "question", "text")
"""Columns of texts without counts of tokens."""

UNITS = {"s": 1.0, "ms": 1e-3, "us": 1e-6, "ns": 1e-9}
WORDS = {
    "s": ("s", "sec", "secs", "second", "seconds"),
    "ms": ("ms", "msec", "milli", "millis", "millisecond", "milliseconds"),
    "us": ("us", "µs", "μs", "usec", "micro", "micros", "microsecond", "microseconds"),
    "ns": ("ns", "nsec", "nano", "nanos", "nanosecond", "nanoseconds"),
}
ANY = "|".join(word for words in WORDS.values() for word in words)
SUFFIX = re.compile(rf"[\s_.(\[-]+({ANY})[)\]]?\s*$", re.IGNORECASE)
CAMEL = re.compile(
    r"(?<=[a-z])(Ms|Us|Ns|Sec|Millis?|Micros?|Nanos?|Seconds|Milliseconds|Nanoseconds)$"
)
REPEATED = re.compile(r" \(column \d+\)$")


def plain(name: str) -> str:
    """Returns a name in small letters without blanks, dots and signs between its words."""
    return REPEATED.sub("", name).lower().translate(str.maketrans("", "", " _-@.#"))


def unit_of(name: str) -> tuple[str, str | None]:
    """Returns a name without the unit at its end, and the unit or None.

    >>> from multibin.lab.traces._names import unit_of
    >>> unit_of("arrival_time_ms"), unit_of("startTimeNs"), unit_of("status")
    (('arrival_time', 'ms'), ('startTime', 'ns'), ('status', None))
    """
    found = SUFFIX.search(name) or CAMEL.search(name)
    if found is None or not found.start():
        return name, None
    word = found[1].lower()
    return name[: found.start()], next(unit for unit, words in WORDS.items() if word in words)


def tail(name: str) -> str:
    """Returns the last part of a nested name that says what the value is."""
    parts = name.split(".")
    return parts[-2] if len(parts) > 1 and parts[-1] == "value" else parts[-1]
