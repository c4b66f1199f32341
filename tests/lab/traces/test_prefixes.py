"""Prefix caches: hits by hand, against a cache that is searched, and in a file."""

from __future__ import annotations

import json
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from multibin.lab.traces import Prefixes, describe_trace, from_arrays, read


def prefixes(rows: list[list[int]], prompts: list[int], size: int = 4) -> Prefixes:
    offsets = np.cumsum([0, *map(len, rows)])
    hashes = np.array([block for row in rows for block in row], dtype=np.int64)
    return Prefixes(offsets, hashes, np.array(prompts), size)


def test_a_hit_is_a_run_from_the_start_and_never_the_whole_prompt() -> None:
    rows = [[1, 2, 3], [1, 2, 4], [5, 2, 3], [1, 2, 3], [], [1]]
    found = prefixes(rows, [12, 10, 12, 12, 0, 2]).cached_tokens()
    assert found.tolist() == [0, 8, 0, 11, 0, 1]


def test_what_was_used_longest_ago_leaves_first_and_the_end_of_a_prompt_first() -> None:
    rows = [[1, 2, 3], [7], [1, 2, 3], [8, 9], [1, 2, 3]]
    blocks = prefixes(rows, [12, 4, 12, 8, 12])
    assert blocks.cached_tokens(3).tolist() == [0, 0, 8, 0, 4]
    assert blocks.cached_tokens(1).tolist() == [0, 0, 0, 0, 0]
    assert blocks.cached_tokens(99).tolist() == blocks.cached_tokens().tolist()


chains = st.lists(st.lists(st.integers(0, 5), max_size=5, unique=True), max_size=12)


@given(chains, st.integers(1, 8))
def test_hits_are_those_of_a_list_that_is_searched(rows: list[list[int]], room: int) -> None:
    prompts = [4 * len(row) for row in rows]
    kept: list[int] = []
    expected = []
    for row in rows:
        run = 0
        while run < len(row) and row[run] in kept:
            run += 1
        expected.append(max(0, min(4 * run, 4 * len(row) - 1)))
        kept = [*row, *(block for block in kept if block not in row)][:room]
    found = prefixes(rows, prompts).cached_tokens(room)
    assert found.tolist() == expected


@given(chains, st.data())
def test_requests_are_taken_with_their_blocks(rows: list[list[int]], data: st.DataObject) -> None:
    whole = prefixes(rows, [4 * len(row) for row in rows])
    at = data.draw(st.lists(st.integers(0, max(len(rows) - 1, 0)), max_size=5 if rows else 0))
    part = whole[np.array(at, dtype=np.intp)]
    assert len(part) == len(at)
    taken = [part.hashes[a:b].tolist() for a, b in pairwise(part.offsets)]
    assert taken == [rows[i] for i in at]


def mooncake(tmp_path: Path, hashes: list[Any], lengths: list[int]) -> Path:
    path = tmp_path / "mooncake.jsonl"
    rows = [
        {"timestamp": 1000 - i, "input_length": n, "output_length": 5, "hash_ids": ids}
        for i, (ids, n) in enumerate(zip(hashes, lengths, strict=True))
    ]
    path.write_text("\n".join(map(json.dumps, rows)))
    return path


def test_a_file_with_hashes(tmp_path: Path) -> None:
    trace = read(mooncake(tmp_path, [[4, 6], [4, 5], [4]], [600, 1024, 512]))
    assert trace.prefixes is not None
    assert trace.prefixes.block_tokens == 512
    assert trace.prefixes.cached_tokens().tolist() == [0, 512, 512], "in order of arrival"
    assert "prompts have hashes of their blocks of 512 tokens" in describe_trace(trace)
    part = trace[1:].prefixes
    assert part is not None
    assert part.cached_tokens().tolist() == [0, 512]
    assert trace.scale_rate(2).prefixes is trace.prefixes
    assert trace.resample(5, seed=0).prefixes is trace.fitted(100)[0].prefixes is None
    with pytest.raises(ValueError, match="prefixes must be as long as prompt_tokens, 1 values"):
        replace(from_arrays([1], [1]), prefixes=trace.prefixes)


def test_hashes_without_a_sign_and_odd_ones(tmp_path: Path) -> None:
    big = 2**64 - 1
    trace = read(mooncake(tmp_path, [[big, 7], [big, 8]], [20, 30]))
    assert trace.prefixes is not None
    assert (trace.prefixes.block_tokens, trace.prefixes.cached_tokens().tolist()) == (16, [0, 16])
    odd: list[list[Any]] = [[[1], [2, 3, 4]], [None, 5], [["a"], ["b"]], [[], []]]
    for hashes in odd:
        assert read(mooncake(tmp_path, hashes, [600, 600])).prefixes is None


@pytest.mark.parametrize("capacity", [0, -1])
def test_a_bad_capacity_is_named(capacity: int) -> None:
    with pytest.raises(ValueError, match="capacity_blocks must be at least 1, got"):
        prefixes([[1]], [4]).cached_tokens(capacity)
