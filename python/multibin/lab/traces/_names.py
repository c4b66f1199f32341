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
        "SUCCESSES",
        "TEXTS",
        "TTFT",
        "UNITS",
    ),
    *("counts_requests", "is_span", "is_time", "plain", "tail", "unit_of"),
]

TIME = (
    *("TIMESTAMP", "arrival", "arrival_time", "arrival_timestamp", "arrived_at", "arrival_at"),
    *("request_arrival_time", "request_timestamp", "request_time", "request_received_at"),
    *("scheduled_at", "scheduled_time", "sent_at", "send_time", "request_sent_at"),
    *("submitted_at", "submit_time", "submission_time", "enqueued_at", "enqueue_time"),
    *("request_start", "request_start_time", "request_started_at", "start_time", "start_times"),
    *("started_at", "start_timestamp", "start_ts", "start", "start_time_unix"),
    *(
        "received_at",
        "requested_at",
        "request_created_at",
        "created_at",
        "created",
        "create_time",
        "created_utc",
    ),
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
    *("tokens.prompt", "in", "usage_input_tokens", "usage_prompt_tokens"),
    *("num_tokens_prompt", "prefill_len", "prefill_length", "n_prompt"),
    *("prompt_metrics.text_tokens", "query_tokens", "input_token_length", "prompt_token_length"),
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
    *("tokens.completion", "out", "usage_output_tokens", "usage_completion_tokens"),
    *("num_tokens_completion", "decode_len"),
    *("decode_length", "answer_tokens", "reply_tokens", "n_decoded", "output_metrics.text_tokens"),
    *("num_tokens_output", "output_token_length", "completion_token_length", "tokens_generated"),
    *("num_tokens_generated", "new_tokens", "num_new_tokens"),
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

SUMS = re.compile(
    r"(n|num|no|number|of|sum|total|all|model|api|llm|chat|azure|open|ai|success|successful"
    r"|completed)*(requests|request(?=count|cnt|total|num|s)|reqs|invocations|queries|calls"
    r"|call(?=count|cnt)|hits|count|cnt)(num|sum|count|cnt|total|per|minute|min|hour|day)*"
)
"""Plain names of columns that count requests: a row is then no request."""

SPANS = re.compile(
    r"(bucket|window|period)(start|end|begin)?(at|on|time|timestamp|date|utc|width)*"
    r"|(interval|aggregation|agg)(start|end|timestamp|date)+(time|at|utc)?"
    r"|usage(date|day|hour)(utc)?|(starting|ending)at"
)
"""Plain names of spans of time, whose sums a row has then."""

FAILURES = (
    *("error", "errors", "error_code", "error_msg", "error_message", "error_type", "exception"),
    *("failed", "is_failed", "failure", "failure_reason", "is_error", "has_error", "aborted"),
    *("timed_out", "rejected", "was_cancelled", "is_cancelled", "cancelled", "canceled"),
)
"""Columns that say that a request failed, and why."""

STATUSES = (
    *("status", "result", "outcome", "state", "request_status", "response_status", "status_text"),
    *("status_code", "http_status", "http_status_code", "http_code", "http_response_code"),
    *("response_code", "code", "finish_reason", "stop_reason"),
)
"""Columns in which some words, or codes of HTTP from 400 on, say that a request failed."""

SUCCESSES = ("success", "successful", "succeeded", "is_success", "is_successful", "ok", "is_ok")
"""Columns that say whether a request did not fail."""

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
ZONE = re.compile(r"(?<=[a-zA-Z])[\s_.(\[-]+(utc|gmt)[)\]]?\s*$", re.IGNORECASE)
MOMENT = re.compile(
    r"(?!queuedtime|calltime|querytime)"  # These are durations.
    r"((http|client|server|api|llm|user|trace)?"
    r"(arrival|arrived?|requests?|requested|submit|submitted|submission|start|started|begin|began"
    r"|created?|creation|sent|send|received?|receipt|enqueued?|queued|scheduled?|issued?"
    r"|invoked|invocation|logged|log|event|occurred|inserted|ingested|dispatched?"
    r"|message|record|relative|unix|epoch|query|call|trace))?"
    r"(at|on|dates?|times?|datetime|timestamps?|ts|epoch|unix|offset)+"
    r"(utc|unix|epoch|iso|iso8601|local|start|generated|offset)?"
)
"""Plain names of moments before a request is served."""

REPEATED = re.compile(r" \(column \d+\)$")


def plain(name: str) -> str:
    """Returns a name in small letters without blanks, dots and signs between its words."""
    return REPEATED.sub("", name).lower().translate(str.maketrans("", "", " _-@.#/()[]"))


def is_time(name: str) -> bool:
    """Returns whether a name, without its unit, is that of a moment before a request is served.

    >>> from multibin.lab.traces._names import is_time
    >>> is_time("Request Timestamp (UTC)"), is_time("end_time"), is_time("time_taken")
    (True, False, False)
    """
    return MOMENT.fullmatch(plain(ZONE.sub("", name))) is not None


def counts_requests(name: str) -> bool:
    """Returns whether a column counts requests, so that a row is none itself.

    >>> from multibin.lab.traces._names import counts_requests
    >>> counts_requests("AzureOpenAIRequests"), counts_requests("request_id")
    (True, False)
    """
    return SUMS.fullmatch(plain(tail(name))) is not None


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


def is_span(name: str) -> bool:
    """Returns whether a column names a span of time, so that a row is a sum.

    >>> from multibin.lab.traces._names import is_span
    >>> is_span("bucket_start"), is_span("context_window")
    (True, False)
    """
    return SPANS.fullmatch(plain(tail(name))) is not None


def tail(name: str) -> str:
    """Returns the last part of a nested name that says what the value is."""
    parts = name.split(".")
    return parts[-2] if len(parts) > 1 and parts[-1] == "value" else parts[-1]
