"""End-of-sequence ids, in every form in which configs and tokenizers keep them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from numbers import Integral


def eos_ids(*owners: object) -> frozenset[int]:
    """Returns the end-of-sequence ids of the first owner that has any.

    An owner keeps one id, or any collection of ids, as `eos_token_id`.
    """
    for owner in owners:
        if ids := frozenset(_ids(getattr(owner, "eos_token_id", None))):
            return ids
    return frozenset()


def _ids(value: object) -> Iterator[int]:
    """Yields the ids in a number, a tensor or array, or a collection of these.

    None and negative numbers are no ids.
    """
    if hasattr(value, "tolist"):
        value = value.tolist()
    if isinstance(value, Iterable) and not isinstance(value, str | bytes):
        for one in value:
            yield from _ids(one)
    elif isinstance(value, Integral) and not isinstance(value, bool) and int(value) >= 0:
        yield int(value)
