"""Takes the rows out of JSON values that are tables: lists or objects by column, or of rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from typing import Any

from multibin.lab.traces._names import plain

__all__ = ["rows_of_list", "rows_of_object"]

Object = dict[str, Any]


def rows_of_list(values: list[Any]) -> list[Any]:
    """Returns the rows of an array; those of arrays in it too, where the first has the names.

    >>> from multibin.lab.traces._tables import rows_of_list
    >>> rows_of_list([["prompt", "output"], [1, 2], [3, 4]])
    [{'prompt': 1, 'output': 2}, {'prompt': 3, 'output': 4}]
    >>> rows_of_list([[{"output": 2}], [{"output": 4}]])
    [{'output': 2}, {'output': 4}]
    """
    if not values or not all(isinstance(row, list) for row in values):
        return values
    if all(isinstance(row, dict) for rows in values for row in rows):
        return [row for rows in values for row in rows]
    return _named(values[0], values[1:]) or values


def rows_of_object(value: Mapping[str, Any], outputs: Set[str]) -> list[Object]:
    """Returns the rows of an object that is a table, or nothing.

    It has a list for each column, those as long as the outputs, or an object for each column, by
    the same keys. Or it has the names in ``columns`` and the rows in ``data``.

    Args:
        value: the object.
        outputs: plain names of the column of output tokens.

    >>> from multibin.lab.traces._tables import rows_of_object
    >>> rows_of_object({"output": [2, 4], "prompt": [1, 3], "seed": 0}, {"output"})
    [{'output': 2, 'prompt': 1}, {'output': 4, 'prompt': 3}]
    >>> rows_of_object({"prompt": {"0": 1, "1": 3}, "output": {"0": 2, "1": 4}}, {"output"})
    [{'prompt': 1, 'output': 2}, {'prompt': 3, 'output': 4}]
    >>> rows_of_object({"columns": ["output"], "index": [0], "data": [[5]]}, {"output"})
    [{'output': 5}]
    """
    names, data = value.get("columns"), value.get("data")
    if isinstance(names, list) and isinstance(data, list) and (rows := _named(names, data)):
        return rows
    found = next((v for key, v in value.items() if plain(key) in outputs and v), None)
    if isinstance(found, list):
        lists = {k: v for k, v in value.items() if isinstance(v, list) and len(v) == len(found)}
    elif isinstance(found, dict) and all(_alike(column, found) for column in value.values()):
        lists = {name: list(column.values()) for name, column in value.items()}
    else:
        return []
    return [dict(zip(lists, row, strict=True)) for row in zip(*lists.values(), strict=True)]


def _alike(column: object, other: Mapping[str, Any]) -> bool:
    """Returns whether a column has a value for each row of another; not an object of counts."""
    return isinstance(column, dict) and [*column] == [*other] and all(map(str.isdigit, column))


def _named(names: Sequence[object], rows: Sequence[Any]) -> list[Object]:
    """Returns rows as objects, or nothing if the names are none or a row has another length."""
    texts = [name for name in names if isinstance(name, str)]
    good = all(isinstance(row, list) and len(row) == len(names) for row in rows)
    if len(texts) < len(names) or not good:
        return []
    return [dict(zip(texts, row, strict=True)) for row in rows]
