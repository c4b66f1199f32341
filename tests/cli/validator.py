"""A validator of the part of JSON Schema (draft 2020-12) that the command's schemas use."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any

__all__ = ["errors"]


def is_number(value: Any) -> bool:
    """Returns whether JSON has such a number."""
    return isinstance(value, int | float) and type(value) is not bool and math.isfinite(value)


TYPES: dict[str, Callable[[Any], bool]] = {
    "object": lambda value: isinstance(value, dict),
    "array": lambda value: isinstance(value, list),
    "string": lambda value: isinstance(value, str),
    "boolean": lambda value: isinstance(value, bool),
    "null": lambda value: value is None,
    "number": is_number,
    "integer": lambda value: is_number(value) and value == int(value),
}


def equal(value: Any, other: Any) -> bool:
    """Returns whether two values are one in JSON, where true is no 1."""
    return (isinstance(value, bool) == isinstance(other, bool)) and bool(value == other)


RULES: dict[str, Callable[[Any, Any], bool]] = {
    "type": lambda value, rule: any(
        TYPES[one](value) for one in (rule if isinstance(rule, list) else [rule])
    ),
    "const": equal,
    "enum": lambda value, rule: any(equal(value, one) for one in rule),
    "required": lambda value, rule: not isinstance(value, dict) or set(rule) <= set(value),
    "minimum": lambda value, rule: not is_number(value) or value >= rule,
    "maximum": lambda value, rule: not is_number(value) or value <= rule,
    "minItems": lambda value, rule: not isinstance(value, list) or len(value) >= rule,
    "maxItems": lambda value, rule: not isinstance(value, list) or len(value) <= rule,
}
"""What each keyword asks of a value itself."""

OTHERS = {"$schema", "$id", "$defs", "$ref", "title", "description", "anyOf", "oneOf"}
OTHERS |= {"properties", "additionalProperties", "items"}


def errors(value: Any, schema: Any, root: Any = None, at: str = "") -> Iterator[str]:
    """Yields what is wrong with a value, a line each; raises for keywords that it lacks."""
    root = schema if root is None else root
    if isinstance(schema, bool):
        yield from () if schema else (f"{at}: not allowed",)
        return
    for keyword in schema.keys() - OTHERS:
        if not RULES[keyword](value, schema[keyword]):
            yield f"{at}: {value!r:.80} breaks {keyword} = {schema[keyword]}"
    if "$ref" in schema:
        yield from errors(value, root["$defs"][schema["$ref"].removeprefix("#/$defs/")], root, at)
    for keyword, most in (("anyOf", math.inf), ("oneOf", 1)):
        found = [[*errors(value, one, root, at)] for one in schema.get(keyword, ())]
        if found and not 1 <= found.count([]) <= most:
            yield f"{at}: {found.count([])} match of {keyword}: {found}"
    if isinstance(value, dict):
        known, other = schema.get("properties", {}), schema.get("additionalProperties", True)
        for name, one in value.items():
            yield from errors(one, known.get(name, other), root, f"{at}/{name}")
    if isinstance(value, list):
        for number, one in enumerate(value):
            yield from errors(one, schema.get("items", True), root, f"{at}/{number}")
