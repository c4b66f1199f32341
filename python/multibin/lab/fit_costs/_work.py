"""The work behind each observed time: passes, rows, cached tokens and prompts, reconstructed.

The tokens of a request are taken to come evenly between its first and its last one. So the sum of
running rows over the steps of a request is the number of tokens that all requests got meanwhile.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from multibin.lab.fit_costs._observed import Observed

__all__ = ["TERMS", "decode_work", "first_token_work"]

Floats = NDArray[np.float64]

TERMS = ("fixed", "prompt_token", "step", "row_step", "kv_token")
"""The coefficients, in the order of the columns."""


def decode_work(seen: Observed) -> Floats:
    """Returns how often each request's decode paid each term, shape ``[n, 5]``."""
    joins = _joins(seen)
    columns = []
    for until in (seen.finish, seen.first_token):
        rows, cached = _tokens(seen, until)
        columns.append(np.stack([_passed(joins, until), _prompts(seen, until), rows, cached]))
    fixed, prompts, rows, cached = columns[0] - columns[1]
    return np.stack([fixed, prompts, seen.decoded, rows, cached], axis=1)


def first_token_work(seen: Observed, slots: int) -> tuple[Floats, NDArray[np.bool_]]:
    """Returns how often each request's first token paid each term, and where that is known.

    It is known of a request that came while a slot was free. It then waits for half of a pass on
    average, unless the engine was idle.
    """
    after = np.searchsorted(np.sort(seen.arrival), seen.arrival, side="right")
    present = after - np.searchsorted(np.sort(seen.finish), seen.arrival, side="right")
    started = np.searchsorted(np.sort(seen.first_token), seen.first_token, side="right")
    ended = np.searchsorted(np.sort(seen.finish), seen.first_token, side="left")
    running = np.maximum(started - ended, 1)
    passes = np.where(present > 1, 1.5, 1.0)
    mean_cached = seen.prompt.mean() + seen.decoded.mean() / 2
    cached = seen.prompt + (running - 1) * mean_cached
    columns = [np.ones(len(seen)), seen.prompt, passes, passes * running, passes * cached]
    return np.stack(columns, axis=1), present <= slots


def _joins(seen: Observed) -> Floats:
    """Returns when passes with new prompts ended, increasing.

    First tokens that are nearer than half of a decode step came from one pass.
    """
    times = np.sort(seen.first_token)
    spent = seen.tpot
    gap = 0.5 * float(np.nanmedian(spent)) if np.isfinite(spent).any() else 0.0
    return np.asarray(times[np.concatenate([[True], np.diff(times) > gap])])


def _passed(times: Floats, until: Floats) -> Floats:
    return np.searchsorted(times, until, side="right").astype(float)


def _prompts(seen: Observed, until: Floats) -> Floats:
    """Returns the prompt tokens of all first tokens up to each time."""
    order = np.argsort(seen.first_token)
    total = np.concatenate([[0.0], np.cumsum(seen.prompt[order])])
    return np.asarray(total[np.searchsorted(seen.first_token[order], until, side="right")])


def _tokens(seen: Observed, until: Floats) -> tuple[Floats, Floats]:
    """Returns the tokens of all requests up to each time, and the sum of what they read.

    Token k of a request reads its prompt and k tokens. A request makes r tokens a second, so at
    time t after its first token it reads r · (prompt + ½ + r·t) a second.
    """
    spent = seen.finish - seen.first_token
    lasts = spent > 0
    rate = np.divide(seen.decoded, spent, out=np.zeros(len(seen)), where=lasts)
    times = np.unique(np.concatenate([seen.first_token, seen.finish]))
    start = np.searchsorted(times, seen.first_token)
    end = np.searchsorted(times, seen.finish)

    def running(each: Floats) -> Floats:
        change = np.bincount(start, each, len(times)) - np.bincount(end, each, len(times))
        return np.asarray(np.cumsum(change)[:-1])

    def jumps(each: Floats) -> Floats:
        return np.asarray(np.cumsum(np.bincount(start, each, len(times))))

    length = np.diff(times)
    rows = running(rate) * length
    level, slope = running(rate * (seen.prompt + 0.5 - rate * seen.first_token)), running(rate**2)
    reads = level * length + slope * np.diff(times**2) / 2
    instant = np.where(lasts, 0.0, seen.decoded)
    first_rows = jumps(1.0 + instant)
    first_reads = jumps(seen.prompt * (1.0 + instant))
    at = np.searchsorted(times, until)
    total = np.concatenate([[0.0], np.cumsum(rows)]) + first_rows
    read = np.concatenate([[0.0], np.cumsum(reads)]) + first_reads
    return total[at], read[at]
