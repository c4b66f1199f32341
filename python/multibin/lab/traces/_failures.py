"""Tells the rows of requests that failed, by what their columns say."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from multibin.lab.traces._names import FAILURES, STATUSES, SUCCESSES, plain, tail

__all__ = ["LONGEST_WORD", "failure", "tells_failures"]

FINE = frozenset(
    (
        *("", "none", "null", "nil", "nan", "n/a", "na", "-", "[]", "{}", "undefined"),
        *("false", "no", "0", "ok", "success", "no error"),
    )
)
"""Texts in a column of errors that say that there was none."""

STATUS, FAILED, SUCCESS = (
    frozenset(map(plain, names)) for names in (STATUSES, FAILURES, SUCCESSES)
)

FLAGS = frozenset(
    map(plain, ("failed", "is_failed", "is_error", "has_error", "aborted", "timed_out", "rejected"))
)
"""Columns of failures in which a number 1 means yes."""

BAD = (
    *("error", "fail", "cancel", "abort", "timeout", "timed out", "time out", "expired"),
    *("reject", "refuse", "unavailable", "denied", "overload", "throttl", "too many"),
    *("exception", "dropped", "killed", "unsuccessful"),
)
"""Parts of the words for a failure in a column of statuses."""

NO = ("false", "no", "n", "f", "0", "0.0")
"""What a column of successes says of a failure."""

LONGEST_WORD = 24
"""The most letters of a status; a longer text is an answer."""

CODE = re.compile(r"\s*([0-9]{3})(\.0*)?(?![0-9.])")
"""A code of HTTP at the start of a status, such as "503 Service Unavailable"."""

END = "end"
"""The column of recordings that says how a request ended."""


def tells_failures(name: str) -> bool:
    """Returns whether a column with this plain name says whether a request failed.

    >>> from multibin.lab.traces._failures import tells_failures
    >>> tells_failures("httpstatuscode"), tells_failures("model")
    (True, False)
    """
    return name in FAILED or name in STATUS or name in SUCCESS


def failure(row: Mapping[str, object], columns: Iterable[str]) -> str | None:
    """Returns why a request failed, by the last column that says so, or None.

    >>> from multibin.lab.traces._failures import failure
    >>> failure({"success": False, "status": "ok"}, ["success", "status"])
    'error'
    """
    reason = None
    for name in columns:
        if (why := _reason(plain(tail(name)), row.get(name))) is not None:
            reason = why
    return reason


def _reason(name: str, value: object) -> str | None:
    """Returns why a column with a plain name says that a request failed, or None."""
    if name == END:
        return None if value == "finished" else str(value)
    failed = _says_failure(name, value)
    cancels = "cancel" in name or (isinstance(value, str) and "cancel" in value.lower())
    return ("cancelled" if cancels else "error") if failed else None


def _says_failure(name: str, value: object) -> bool:
    if name in STATUS:
        return _status(value)
    if name in SUCCESS:
        return value is False or _text(value) in NO
    return _error(name, value)


def _status(value: object) -> bool:
    if (code := CODE.match(str(value))) is not None and not isinstance(value, bool):
        return 400 <= int(code[1]) < 600
    if not isinstance(value, str) or len(value) > LONGEST_WORD:
        return False
    return any(word in value.lower() for word in BAD)


def _error(name: str, value: object) -> bool:
    text = _text(value)
    if text is None:
        return bool(value)
    if text in FINE:
        return False
    try:
        number = float(text)
    except ValueError:
        return True
    if name.endswith("code"):
        return number == number and number != 0 and not 200 <= number < 300
    return name in FLAGS and number == 1


def _text(value: object) -> str | None:
    """Returns a text or a number in small letters, None for other values."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    return str(value).strip().lower()
