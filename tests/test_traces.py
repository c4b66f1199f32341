"""Workloads: drawn, read and scaled."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from multibin.traces import chat, read_csv

HEADER = "TIMESTAMP,ContextTokens,GeneratedTokens\n"


def write(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "trace.csv"
    path.write_text(text)
    return path


def test_chat_has_the_stated_shape_and_is_the_same_every_time() -> None:
    trace = chat(20_000, seed=3)
    assert np.median(trace.output_tokens) == pytest.approx(32, abs=1.5)
    assert np.median(trace.prompt_tokens) == pytest.approx(24, abs=1.5)
    assert (trace.output_tokens.min(), trace.output_tokens.max()) == (1, 256)
    assert (trace.prompt_tokens.min(), trace.prompt_tokens.max()) == (4, 128)
    middle = np.log(trace.output_tokens[(trace.output_tokens > 4) & (trace.output_tokens < 256)])
    assert middle.std() == pytest.approx(0.9, abs=0.06), "σ = 1, cut at both ends"
    assert (chat(20_000, seed=3).output_tokens == trace.output_tokens).all()
    assert (chat(20_000, seed=4).output_tokens != trace.output_tokens).any()


def test_a_trace_is_read_and_scaled_by_one_factor(tmp_path: Path) -> None:
    path = write(tmp_path, HEADER + "2023-11-16 18:15:46,300,100\n2023-11-16 18:15:50,30,1\n")
    trace = read_csv(path)
    assert (trace.prompt_tokens.tolist(), trace.output_tokens.tolist()) == ([300, 30], [100, 1])
    assert len(read_csv(path, 1)) == 1
    fitted, factor = trace.fitted(40)
    assert factor == 0.1
    assert (fitted.prompt_tokens.tolist(), fitted.output_tokens.tolist()) == ([30, 3], [10, 1])
    assert trace.fitted(4000)[1] == 1.0


def test_other_columns_and_a_byte_order_mark_do_not_matter(tmp_path: Path) -> None:
    path = write(tmp_path, "\ufeffTIMESTAMP,model,GeneratedTokens,ContextTokens\nx,m,5,7\n")
    assert read_csv(path).prompt_tokens.tolist() == [7]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("TIMESTAMP,ContextTokens\nx,1\n", "no column GeneratedTokens"),
        ("", "no column TIMESTAMP"),
        (HEADER, "has no rows"),
        (HEADER + "x,1,2\nx,one,2\n", "line 3, column ContextTokens: 'one'"),
        (HEADER + "x,1,2\nx,1,-2\n", "line 3, column GeneratedTokens: '-2'"),
        (HEADER + "x,1,2.5\n", "line 2, column GeneratedTokens: '2.5'"),
        (HEADER + "x,0,2\n", "line 2, column ContextTokens: '0'"),
        (HEADER + "x,1\n", "line 2, column GeneratedTokens: None"),
        (HEADER + "x,nan,1\n", "line 2, column ContextTokens: 'nan'"),
    ],
)
def test_a_bad_trace_is_named_by_file_line_and_column(
    tmp_path: Path, text: str, message: str
) -> None:
    path = write(tmp_path, text)
    with pytest.raises(ValueError, match=message) as error:
        read_csv(path)
    assert str(path) in str(error.value)


def test_a_missing_or_binary_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"cannot read .*nowhere"):
        read_csv(tmp_path / "nowhere")
    path = tmp_path / "binary"
    path.write_bytes(b"\xff\xfe\x00\x80")
    with pytest.raises(ValueError, match=r"cannot read .*binary"):
        read_csv(path)
