"""Which column of a file is what."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from multibin import _args
from multibin.lab.traces._names import (
    COUNTED,
    NAMES,
    TEXTS,
    counts_requests,
    is_span,
    is_time,
    plain,
    tail,
    unit_of,
)
from multibin.lab.traces._profiles import Profile, recognized

__all__ = ["Choice", "Columns", "choices", "find", "listed", "refuse_sums"]

Choice = Mapping[str, str | None]
"""Columns by role as a caller names them; None for a role that is left out."""

PAIR = re.compile(r"(?:^|,)\s*(\w+)\s*=")
"""A role in ROLE=NAME,…; names may have commas."""

SURE = "nummodelrequests"
"""A column that counts requests even where each row has one."""

MINUTE = re.compile(r"\d[T ]\d\d:\d\d(:00)?(\.0*)? ?(Z|UTC|[+-]\d\d:?\d\d)?$")
"""The end of a date whose seconds are 0."""

SUMMARY = re.compile(r"throughput|ttft|itl|tpot|e2el|latency|time_to_first|num_completed")
"""Parts of the names in a summary of a benchmark."""

SHOWN = 30
"""The most names of columns in a message."""


@dataclass(frozen=True)
class Columns:
    """The names that a file uses, by role, and what else the file says of its rows."""

    roles: Mapping[str, str]
    """``output``, and ``time``, ``prompt`` and ``predicted`` where there are such columns."""
    doubles: tuple[tuple[str, str], ...] = ()
    """Other columns of counts that fit, each with its role. Their values must be equal."""
    failures: tuple[str, ...] = ()
    """Columns that say why a request failed."""
    extras: tuple[str, ...] = ()
    """Columns that are kept as they are: what was measured, and hashes."""
    profile: Profile | None = None
    notes: tuple[str, ...] = ()

    @property
    def counts(self) -> dict[str, str]:
        """Returns the roles that are numbers of tokens, with their columns."""
        return {role: name for role, name in self.roles.items() if role in COUNTED}

    @property
    def counted(self) -> list[str]:
        """Returns all columns of numbers of tokens, each once."""
        return [*dict.fromkeys([*self.counts.values(), *(name for _, name in self.doubles)])]


def choices(columns: str | Choice | None) -> Choice:
    """Returns the columns that a caller names, checked.

    Raises:
        ValueError: the text is not ``role=NAME,…``, or a role is unknown or named twice.
        TypeError: a name is no text.

    >>> from multibin.lab.traces._columns import choices
    >>> choices("prompt=in,output=usage.out,time=")
    {'prompt': 'in', 'output': 'usage.out', 'time': None}
    """
    if columns is None:
        return {}
    named = _parsed(columns) if isinstance(columns, str) else dict(columns)
    for role, name in named.items():
        _args.one_of("a role of columns", role, [*NAMES])
        if name is not None and not isinstance(name, str):
            raise TypeError(_args.sentence(f"the column of {role}", "a name", name))
    return named


def _parsed(text: str) -> dict[str, str | None]:
    found = list(PAIR.finditer(text))
    if not found or found[0].start() != 0:
        rule = f"ROLE=NAME,… with the roles {', '.join(NAMES)}"
        raise ValueError(_args.sentence("columns", rule, text))
    ends = [match.start() for match in found[1:]] + [len(text)]
    named: dict[str, str | None] = {}
    for match, end in zip(found, ends, strict=True):
        _args.one_of("a role of columns", match[1], [*NAMES])
        if match[1] in named:
            raise ValueError(_args.sentence("columns", f"one name for {match[1]}", text))
        named[match[1]] = text[match.end() : end].strip() or None
    return named


def find(
    found: Sequence[str],
    path: Path,
    *,
    chosen: Choice,
    times: bool = True,
    failures: Sequence[str] = (),
    extras: Sequence[str] = (),
    notes: Sequence[str] = (),
) -> Columns:
    """Returns what the columns are that were found, by choice, by tool, and by name.

    Raises:
        ValueError: a chosen column or that of output tokens is missing, or a row is a sum of
            requests. The message names the columns found.
    """
    profile = recognized(found)
    roles: dict[str, str] = {}
    doubles: list[tuple[str, str]] = []
    said = [*notes]
    for role in NAMES:
        if role == "time" and not times:
            continue
        fitting = _fitting(role, found, path, chosen, profile)
        if not fitting:
            continue
        roles[role], others = fitting[0], fitting[1:]
        if role in COUNTED:
            doubles += [(role, other) for other in others]
        elif others:
            said.append(f"Times are {fitting[0]}; {', '.join(others)} would fit, too.")
    if "output" not in roles:
        raise ValueError(_missing(found, path))
    if "prompt" not in roles:
        hint = "" if "prompt" in chosen else "; --columns prompt=NAME names their column"
        said.append(f"There are no prompt tokens: prompts count 0{hint}.")
    kept = [name for name in failures if name not in roles.values()]
    kept.sort(key=lambda name: "cancel" in name.lower())  # The last one gives the reason.
    if profile is not None and profile.end is not None:
        kept.append(profile.end)
    return Columns(roles, tuple(doubles), tuple(kept), tuple(extras), profile, tuple(said))


def _fitting(
    role: str, found: Sequence[str], path: Path, chosen: Choice, profile: Profile | None
) -> list[str]:
    """Returns the columns that fit a role, the best first; others than it if not chosen."""
    if role in chosen:
        name = chosen[role]
        return [] if name is None else [_chosen(role, name, found, path)]
    if profile is not None and (known := profile.roles.get(role)):
        return next(([name] for name in known if name in found), [])
    ranks = {plain(name): rank for rank, name in reversed(list(enumerate(NAMES[role])))}
    ranked = []
    for position, name in enumerate(found):
        rank = _rank(name, ranks, role)
        if rank is not None:
            ranked.append((rank, position, name))
    return [name for _, _, name in sorted(ranked)]


def _rank(name: str, ranks: Mapping[str, int], role: str) -> tuple[bool, int] | None:
    """Returns how well a name fits: whole names before the last parts of nested ones."""
    for nested, text in ((False, name), (True, tail(name))):
        bare = unit_of(text)[0] if role == "time" else text
        for candidate in (text, bare):
            if (rank := ranks.get(plain(candidate))) is not None:
                return nested, rank
        if role == "time" and is_time(bare):
            return nested, len(ranks)
    return None


def _chosen(role: str, name: str, found: Sequence[str], path: Path) -> str:
    if name in found:
        return name
    alike = [other for other in found if plain(other) == plain(name)]
    if len(alike) == 1:
        return alike[0]
    rule = f"one of the columns of {path}: {listed(found)}"
    raise ValueError(_args.sentence(f"the column of {role}", rule, name))


def listed(found: Sequence[str]) -> str:
    """Returns names for a message, not too many."""
    more = f" and {len(found) - SHOWN} more" if len(found) > SHOWN else ""
    return f"{list(found[:SHOWN])}{more}"


def refuse_sums(path: Path, rows: Sequence[Mapping[str, object]]) -> None:
    """Raises a ``ValueError`` if the first rows count many requests each."""
    for row in rows:
        for name, value in row.items():
            counts = counts_requests(name) and (plain(name) == SURE or _many(value))
            if counts or is_span(name):
                raise _sums(path, f"many requests a row (column {name})")
    if (pair := _joined(rows)) is not None:
        rule = f"{pair[1]} of each row is {pair[0]} of the next one"
        raise _sums(path, f"a span of time a row ({rule})")


def _sums(path: Path, why: str) -> ValueError:
    return ValueError(
        f"{path} has aggregated sums, {why}. A trace has a row per request, such as the log of a"
        " server"
    )


def _joined(rows: Sequence[Mapping[str, object]]) -> tuple[str, str] | None:
    """Returns the columns of starts and ends, if each span begins where the last one ends."""
    if len(rows) < 2:
        return None
    for start in rows[0]:
        end = start.replace("start", "end").replace("Start", "End")
        if end == start or end not in rows[0]:
            continue
        ends, starts = ([row.get(name) for row in rows] for name in (end, start))
        if ends[:-1] == starts[1:] and all(map(_is_minute, ends)):
            return start, end
    return None


def _is_minute(value: object) -> bool:
    """Returns whether a time is a whole minute, as those of sums are."""
    try:
        return float(str(value)) % 60 == 0
    except ValueError:
        return MINUTE.search(str(value)) is not None


def _many(value: object) -> bool:
    try:
        return float(str(value)) > 1
    except ValueError:
        return False


def _missing(found: Sequence[str], path: Path) -> str:
    tails = [plain(tail(name)) for name in found]
    if sum(bool(SUMMARY.search(name.lower())) for name in found) >= 3:
        return (
            f"{path} is a summary of a benchmark without its requests, only {listed(found)};"
            " benchmarks keep them with --save-detailed (vLLM) or --output-details (SGLang)"
        )
    if texts := [name for name, last in zip(found, tails, strict=True) if last in TEXTS]:
        return (
            f"{path} has texts ({', '.join(texts)}) and no counts of tokens, only {listed(found)};"
            " count the tokens of each prompt and answer with the model's tokenizer first"
        )
    known = "output_tokens, completion_tokens, output_length, GeneratedTokens and others"
    return (
        f"{path} has no column of output tokens ({known}), only {listed(found)};"
        " columns name it: --columns output=NAME,prompt=NAME,time=NAME"
    )
