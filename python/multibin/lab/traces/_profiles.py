"""The files of known tools, by their columns: which one is what, and what times count in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

__all__ = ["Profile", "recognized"]


@dataclass(frozen=True)
class Profile:
    """How one tool names the columns of its files."""

    tool: str
    needs: frozenset[str]
    """Columns that every such file has."""
    unit: str | None = None
    """The unit of the times; None: by their name, or they are dates."""
    whole: bool = False
    """The columns are all there are, and the times are whole numbers; else the unit is open."""
    roles: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """Columns by role, the foremost first, where other columns seem to fit as well."""
    end: str | None = None
    """The column that says how a request ended; every word but ``finished`` is a failure."""


AIPERF = {
    "time": ["metadata.request_start_ns"],
    "prompt": ["metrics.input_sequence_length.value"],
    "output": ["metrics.output_sequence_length.value", "metrics.output_token_count.value"],
}
INFERENCE_PERF = {
    "time": ["start_time"],
    "prompt": ["info.request_metrics.text.input_tokens", "info.input_tokens"],
    "output": ["info.response_metrics.output_tokens", "info.output_tokens"],
}

PROFILES = (
    Profile(
        "multibin recording",
        frozenset({"arrival", "prompt_tokens", "output_tokens", "end"}),
        unit="s",
        end="end",
    ),
    Profile(
        "Mooncake",
        frozenset({"timestamp", "input_length", "output_length", "hash_ids"}),
        unit="ms",
        whole=True,
    ),
    Profile(
        "Qwen-Bailian usage traces",
        frozenset({"chat_id", "parent_chat_id", "timestamp", "input_length", "output_length"}),
        unit="s",
    ),
    Profile("AIPerf", frozenset({"metadata.request_start_ns"}), roles=AIPERF),
    Profile(
        "LLMPerf",
        frozenset({"number_input_tokens", "number_output_tokens", "end_to_end_latency_s"}),
    ),
    Profile(
        "inference-perf",
        frozenset({"start_time", "end_time", "info.input_tokens"}),
        unit="s",
        roles=INFERENCE_PERF,
    ),
    Profile(
        "vLLM bench serve or SGLang bench_serving",
        frozenset({"input_lens", "output_lens", "ttfts"}),
        unit="s",
    ),
    Profile(
        "BurstGPT",
        frozenset({"Timestamp", "Model", "Request tokens", "Response tokens"}),
        unit="s",
    ),
    Profile("Azure LLM inference", frozenset({"TIMESTAMP", "ContextTokens", "GeneratedTokens"})),
    Profile("splitwise-sim", frozenset({"arrival_timestamp", "prompt_size", "token_size"}), "s"),
)


def recognized(found: Sequence[str]) -> Profile | None:
    """Returns the tool whose columns were found, or None."""
    names = set(found)
    for profile in PROFILES:
        if profile.needs <= names and not (profile.whole and names != profile.needs):
            return profile
    return None
