"""The one door to what transformers does not promise: names that its versions change."""

from __future__ import annotations

from collections.abc import Callable
from inspect import signature
from typing import Any

CACHE_ARGUMENTS = ("past_key_values", "cache")
"""Names of the argument of `forward` that takes the cache; the first that a model has is used.

Transformers 5.24 renamed it. Before that, XLM has a `cache` of its own beside the older name.
"""


def cache_argument(forward: Callable[..., Any]) -> str | None:
    """Returns the name under which `forward` takes its cache, None if it takes none."""
    parameters = signature(forward).parameters
    return next((name for name in CACHE_ARGUMENTS if name in parameters), None)
