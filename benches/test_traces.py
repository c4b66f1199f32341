"""The time of reading 1,000,000 rows, one core; the target is at most 2 s."""

from __future__ import annotations

from pathlib import Path

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from multibin.lab.traces import read

N = 1_000_000
ROWS = {
    "azure.csv": (
        "TIMESTAMP,ContextTokens,GeneratedTokens",
        "2023-11-16 18:{m:02}:{s:02}.6805900,{prompt},{output}",
    ),
    "burstgpt.csv": (
        "Timestamp,Model,Request tokens,Response tokens,Total tokens,Log Type",
        "{i},ChatGPT,{prompt},{output},{total},Conversation log",
    ),
    "tokens.jsonl": (
        None,
        '{{"timestamp": {i}, "input_length": {prompt}, "output_length": {output}}}',
    ),
}


def write(path: Path) -> None:
    header, row = ROWS[path.name]
    lines = [] if header is None else [header]
    for i in range(N):
        prompt, output = 1 + i * 7 % 4000, 1 + i * 13 % 997
        minute, second = divmod(i * 3600 // N, 60)
        lines.append(
            row.format(i=i, m=minute, s=second, prompt=prompt, output=output, total=prompt + output)
        )
    path.write_text("\n".join(lines) + "\n")


@pytest.mark.benchmark(group="reading 1,000,000 rows")
@pytest.mark.parametrize("name", ROWS)
def test_read(benchmark: BenchmarkFixture, tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    write(path)
    trace = benchmark(read, path)
    benchmark.extra_info["rows"] = N
    assert len(trace) == N
