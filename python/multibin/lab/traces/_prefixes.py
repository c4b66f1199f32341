"""The blocks that prompts consist of, and what a prefix cache would find of them."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain, pairwise
from typing import SupportsIndex

import numpy as np
from numpy.typing import NDArray

from multibin import _args
from multibin._args import Ints

__all__ = ["Prefixes", "prefixes"]

BLOCKS = (512, 16, 8, 32, 64, 128, 256, 1024, 2048)
"""Tokens of a block that are tried: first those of Mooncake, then those of engines."""


@dataclass(frozen=True, eq=False)
class Prefixes:
    """The hashes of the prompts' blocks. Equal hashes are equal blocks after equal prefixes.

    A slice, a mask or positions take requests.

    >>> import numpy as np
    >>> from multibin.lab.traces import Prefixes
    >>> blocks = Prefixes(np.array([0, 2, 4]), np.array([7, 8, 7, 9]), np.array([20, 30]), 16)
    >>> blocks.cached_tokens().tolist(), blocks[1:].cached_tokens().tolist()
    ([0, 16], [0])
    """

    offsets: Ints
    """Where each request's hashes begin and the last ones end, shape ``[n + 1]``."""
    hashes: Ints
    """The hashes of all requests, one request after the other."""
    prompt_tokens: Ints
    """Tokens of each prompt, shape ``[n]``."""
    block_tokens: int
    """Tokens of a block. The last block of a prompt may have fewer."""

    def __len__(self) -> int:
        return len(self.prompt_tokens)

    def __getitem__(self, rows: slice | NDArray[np.integer] | NDArray[np.bool_]) -> Prefixes:
        starts, ends = self.offsets[:-1][rows], self.offsets[1:][rows]
        sizes = ends - starts
        offsets = np.concatenate([[0], np.cumsum(sizes)])
        at = np.arange(offsets[-1]) - np.repeat(offsets[:-1], sizes) + np.repeat(starts, sizes)
        return Prefixes(offsets, self.hashes[at], self.prompt_tokens[rows], self.block_tokens)

    def cached_tokens(self, capacity_blocks: SupportsIndex | None = None) -> Ints:
        """Returns the prompt tokens that a prefix cache holds when a request comes, shape ``[n]``.

        Requests come one after the other, and each leaves its blocks in the cache. A hit is a run
        of known blocks from the start of the prompt. The last token of a prompt is never a hit, as
        the model must compute it. The blocks that were used longest ago leave first, and of one
        request the last ones.

        Args:
            capacity_blocks: the most blocks in the cache, at least 1. None is without a limit.

        Raises:
            TypeError: the capacity is no int.
            ValueError: the capacity is below 1.
        """
        room = None
        if capacity_blocks is not None:
            room = _args.integer("capacity_blocks", capacity_blocks, 1)
        cache: OrderedDict[int, None] = OrderedDict()
        bounds, hashes = self.offsets.tolist(), self.hashes.tolist()
        found = []
        for start, end in pairwise(bounds):
            blocks = hashes[start:end]
            found.append(_known(blocks, cache))
            _leave(blocks, cache, room)
        hits = np.array(found, dtype=np.int64) * self.block_tokens
        return np.minimum(hits, np.maximum(self.prompt_tokens - 1, 0))


def _known(blocks: list[int], cache: OrderedDict[int, None]) -> int:
    """Returns the number of blocks from the start on that the cache has."""
    return next((i for i, block in enumerate(blocks) if block not in cache), len(blocks))


def _leave(blocks: list[int], cache: OrderedDict[int, None], room: int | None) -> None:
    """Makes the blocks those that were used last, the first block after the others."""
    for block in reversed(blocks):
        cache[block] = None
        cache.move_to_end(block)
    while room is not None and len(cache) > room:
        cache.popitem(last=False)


def prefixes(lists: Sequence[object], prompts: Ints) -> Prefixes | None:
    """Returns the blocks of prompts, or None if the lists are no such hashes.

    Args:
        lists: a list of whole numbers for each request, its hashes.
        prompts: prompt tokens, shape ``[n]``.

    The tokens of a block are those with which every prompt has as many blocks as hashes.
    """
    rows = [row if isinstance(row, list) else [] for row in lists]
    flat = [*chain.from_iterable(rows)]
    if not flat or set(map(type, flat)) != {int}:
        return None
    sizes = np.array([*map(len, rows)])
    size = next((b for b in BLOCKS if (sizes == -(-prompts // b)).all()), None)
    if size is None:
        return None
    try:
        hashes = np.array(flat, dtype=np.int64)
    except OverflowError:  # Hashes of 64 bits without a sign: only which are equal counts.
        numbers: dict[int, int] = {}
        hashes = np.array([numbers.setdefault(value, len(numbers)) for value in flat])
    return Prefixes(np.concatenate([[0], np.cumsum(sizes)]), hashes, prompts, size)
