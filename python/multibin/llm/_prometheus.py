"""The numbers of an engine in the text exposition format of Prometheus."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import accumulate
from typing import Any

from multibin._args import sentence
from multibin.llm._stats import Histogram

__all__ = ["prometheus"]

GAUGES = re.compile(r"rows_(running|joining|kept|parked_\w+)|\w*bytes\w*|waste")
"""Numbers that go up and down; all others only grow."""

RESERVED = ("capacity", "le", "reason")
NAME = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")


def prometheus(stats: Mapping[str, Any], labels: Mapping[str, str] | None) -> str:
    """Returns the numbers of `stats`, with `labels` on every sample.

    Raises:
        TypeError: `labels` is no mapping.
        ValueError: a label with an invalid name, or with one that the engine uses.
    """
    tags = _checked(labels or {})
    lines: list[str] = []
    for name, value in stats.items():
        lines += _metric(f"multibin_llm_{name}", name, value, tags)
    return "\n".join(lines) + "\n"


def _checked(labels: Mapping[str, str]) -> dict[str, str]:
    if not isinstance(labels, Mapping):
        raise TypeError(sentence("labels", "a mapping of names to values", labels))
    for name in labels:
        if name in RESERVED or not NAME.fullmatch(name):
            rule = f"names of Prometheus other than {', '.join(RESERVED)}"
            raise ValueError(sentence("labels", rule, name))
    return {name: str(value) for name, value in labels.items()}


def _metric(metric: str, name: str, value: Any, tags: dict[str, str]) -> Iterator[str]:
    if name == "classes":
        yield from _classes(value, tags)
    elif name == "finished":
        yield f"# TYPE {metric}_total counter"
        for reason, count in value.items():
            yield _sample(f"{metric}_total", tags | {"reason": reason}, count)
    elif isinstance(value, dict) and "bounds" in value:
        yield from _histogram(f"{metric}_seconds", value, tags)  # type: ignore[arg-type]
    elif isinstance(value, int | float) and not isinstance(value, bool):
        gauge = GAUGES.fullmatch(name) is not None
        shown = metric if gauge else f"{metric}_total"
        yield f"# TYPE {shown} {'gauge' if gauge else 'counter'}"
        yield _sample(shown, tags, value)


def _classes(classes: Sequence[Mapping[str, Any]], tags: dict[str, str]) -> Iterator[str]:
    for part in ("slots", "rows", "bytes"):
        metric = f"multibin_llm_class_{part}"
        yield f"# TYPE {metric} gauge"
        for one in classes:
            yield _sample(metric, tags | {"capacity": str(one["capacity"])}, one[part])


def _histogram(metric: str, histogram: Histogram, tags: dict[str, str]) -> Iterator[str]:
    yield f"# TYPE {metric} histogram"
    bounds = [*(f"{bound:g}" for bound in histogram["bounds"]), "+Inf"]
    counts = [*accumulate(histogram["counts"])]
    for bound, count in zip(bounds, counts, strict=True):
        yield _sample(f"{metric}_bucket", tags | {"le": bound}, count)
    yield _sample(f"{metric}_sum", tags, histogram["sum"])
    yield _sample(f"{metric}_count", tags, counts[-1])


def _sample(metric: str, tags: Mapping[str, str], value: float) -> str:
    shown = ",".join(f'{name}="{_escaped(text)}"' for name, text in tags.items())
    return f"{metric}{{{shown}}} {value}" if shown else f"{metric} {value}"


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
