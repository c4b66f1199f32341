"""The data: what it holds, how it is cut, scaled and drawn from."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from multibin.lab.traces import Measured, Source, Trace, chat, from_arrays

TRACE = from_arrays(
    [10, 20, 30, 40], [1, 2, 3, 4], arrivals=[5.0, 6.0, 8.0, 13.0], predicted=[2, 2, 2, 0]
)


def arrivals(trace: Trace) -> list[float]:
    assert trace.arrivals is not None
    return list(trace.arrivals)


def test_arrays_are_converted_sorted_and_counted_from_the_first() -> None:
    trace = from_arrays(
        np.array([1, 2, 3], np.uint8), (4, 5, 6), arrivals=np.array([9, 7, 9], np.int32)
    )
    assert (trace.prompt_tokens.tolist(), trace.output_tokens.tolist()) == ([2, 1, 3], [5, 4, 6])
    assert arrivals(trace) == [0.0, 2.0, 2.0]
    assert trace.prompt_tokens.dtype == trace.output_tokens.dtype == np.int64
    assert trace.arrivals is not None
    assert trace.arrivals.dtype == np.float64
    assert from_arrays([1], [2]).arrivals is None
    assert len(from_arrays([], [], arrivals=[])) == 0


def test_without_predictions_they_are_the_true_lengths() -> None:
    assert TRACE.predictions.tolist() == [2, 2, 2, 0]
    assert TRACE.with_predicted(None).predictions.tolist() == [1, 2, 3, 4]
    # Floats are rounded up, as `Scheduler.submit` does.
    assert TRACE.with_predicted(np.array([0.0, 1.0, 2.5, 7])).predictions.tolist() == [0, 1, 3, 7]
    assert TRACE.with_predicted(np.zeros(4)).predictions.dtype == np.int64
    rule = r"predicted\[1\] must be between 0 and 4294967295, got"
    for bad in (-0.5, np.nan, np.inf, 1e30):
        with pytest.raises(ValueError, match=rule):
            TRACE.with_predicted([0.0, bad, 1.0, 1.0])


def test_rows_are_cut_by_slice_mask_and_positions() -> None:
    assert len(TRACE) == 4
    part = TRACE[1:3]
    assert (part.prompt_tokens.tolist(), part.predictions.tolist()) == ([20, 30], [2, 2])
    assert arrivals(part) == [0.0, 2.0], "counted from the first of the part"
    assert arrivals(TRACE[TRACE.output_tokens > 2]) == [0.0, 5.0]
    assert arrivals(TRACE[np.array([0, 3])]) == [0.0, 8.0]
    assert len(TRACE[4:]) == 0
    with pytest.raises(
        ValueError, match=r"arrivals\[1\] must be at least arrivals\[0\] = 8, got 3"
    ):
        _ = TRACE[::-1]
    with pytest.raises(
        TypeError, match="rows must be a slice, a mask or an array of positions, got 1"
    ):
        _ = TRACE[1]  # type: ignore[index]


def test_cut_by_seconds_is_half_open() -> None:
    assert TRACE.cut(1.0, 8.0).output_tokens.tolist() == [2, 3]
    assert TRACE.cut(1.5).output_tokens.tolist() == [3, 4]
    assert arrivals(TRACE.cut(1.0, 8.0)) == [0.0, 2.0]
    assert len(TRACE.cut(2.0, 2.0)) == 0
    for start, stop in ((2.0, 1.0), (np.nan, 1.0)):
        with pytest.raises(ValueError, match=r"stop must be at least start = .*, got 1"):
            TRACE.cut(start, stop)


def test_the_rate_is_scaled_and_nothing_else() -> None:
    assert TRACE.rate == 3 / 8
    assert arrivals(TRACE.scale_rate(2.0)) == [0.0, 0.5, 1.5, 4.0]
    faster = TRACE.to_rate(3.0)
    assert faster.rate == 3.0
    assert arrivals(faster) == [0.0, 0.125, 0.375, 1.0]
    assert faster.predictions.tolist() == TRACE.predictions.tolist()


@pytest.mark.parametrize(
    "use",
    [
        lambda trace: trace.rate,
        lambda trace: trace.scale_rate(2.0),
        lambda trace: trace.to_rate(2.0),
        lambda trace: trace.cut(1.0),
    ],
)
def test_without_arrivals_there_is_no_rate(use: Callable[[Trace], Any]) -> None:
    with pytest.raises(ValueError, match="the trace has no arrivals"):
        use(TRACE.with_arrivals(None))


@pytest.mark.parametrize("rows", [slice(0, 0), slice(0, 1)])
def test_one_moment_has_no_rate(rows: slice) -> None:
    with pytest.raises(ValueError, match="the trace has no rate"):
        _ = TRACE[rows].rate


@pytest.mark.parametrize("factor", [0.0, -1.0, np.inf, np.nan])
def test_a_bad_factor_is_named(factor: float) -> None:
    with pytest.raises(ValueError, match="factor must be finite and above 0, got "):
        TRACE.scale_rate(factor)
    with pytest.raises(ValueError, match="rate must be finite and above 0, got "):
        TRACE.to_rate(factor)


def test_resampling_draws_whole_rows_and_has_no_arrivals() -> None:
    drawn = TRACE.resample(40_000, seed=1)
    assert drawn.arrivals is None
    assert (drawn.prompt_tokens == drawn.output_tokens * 10).all()
    assert ((drawn.predictions == 0) == (drawn.output_tokens == 4)).all()
    # Four standard deviations of a count of Binomial(40,000, 1/4) are 346.
    assert np.bincount(drawn.output_tokens)[1:] == pytest.approx([10_000] * 4, abs=346)
    assert (TRACE.resample(9, 1).output_tokens == TRACE.resample(9, 1).output_tokens).all()
    with pytest.raises(ValueError, match="the trace has no rows to draw from"):
        TRACE[:0].resample(1, 0)
    with pytest.raises(ValueError, match="n must be at least 1, got 0"):
        TRACE.resample(0, 0)


def test_all_counts_are_scaled_by_one_factor_to_fit() -> None:
    trace = from_arrays([300, 30], [100, 1], arrivals=[0, 4], predicted=[200, 0])
    fitted, factor = trace.fitted(40)
    assert factor == 0.1
    assert (fitted.prompt_tokens.tolist(), fitted.output_tokens.tolist()) == ([30, 3], [10, 1])
    assert (fitted.predictions.tolist(), arrivals(fitted)) == ([20, 1], [0.0, 4.0])
    assert trace.fitted(4000)[1] == 1.0
    with pytest.raises(ValueError, match="context must be at least 2, got 1"):
        trace.fitted(1)


def test_nothing_can_be_changed_and_what_was_given_still_can() -> None:
    given = np.array([1, 2])
    trace = from_arrays(given, given, arrivals=[0, 1])
    for array in (trace.prompt_tokens, trace[:1].output_tokens, trace.arrivals):
        assert array is not None
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 5
    given[0] = 5
    with pytest.raises(AttributeError):
        trace.dropped = 1  # type: ignore[misc]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([1, -1], [1, 1]), r"prompt_tokens\[1\] must be between 0 and 4294967295, got -1"),
        (([1, 1], [0, 1]), r"output_tokens\[0\] must be between 1 and 4294967295, got 0"),
        (([1], [2**32]), r"output_tokens\[0\] must be .*, got 4294967296"),
        (([1], [2**64 - 1]), r"output_tokens\[0\] must be .*, got 18446744073709551615"),
        (([[1]], [1]), r"prompt_tokens must have shape \[n\], got \(1, 1\)"),
        ((1, [1]), r"prompt_tokens must have shape \[n\], got \(\)"),
        (([1, 2], [1]), "output_tokens must be as long as prompt_tokens, 2 values, got 1"),
        (([1], [1], [0.0, 1.0]), "arrivals must be as long as prompt_tokens, 1 values, got 2"),
        (([1], [1], [1.0, 0.0]), "arrivals must be as long as prompt_tokens, 1 values, got 2"),
        (([1], [1], [np.nan]), r"arrivals\[0\] must be finite, got nan"),
        (([1], [1], [np.inf]), r"arrivals\[0\] must be finite, got inf"),
        (([1], [1], None, [-3]), r"predicted\[0\] must be .*, got -3"),
        (([1], [1], None, [3, 3]), "predicted must be as long as prompt_tokens, 1 values, got 2"),
    ],
)
def test_bad_arrays_are_named(arguments: tuple[Any, ...], message: str) -> None:
    given = dict(
        zip(("prompt_tokens", "output_tokens", "arrivals", "predicted"), arguments, strict=False)
    )
    with pytest.raises(ValueError, match=message):
        from_arrays(**given)


@pytest.mark.parametrize(
    ("name", "value"),
    [("prompt_tokens", [1.0]), ("output_tokens", ["1"]), ("arrivals", [True]), ("predicted", [1j])],
)
def test_dtypes_are_checked(name: str, value: list[Any]) -> None:
    with pytest.raises(TypeError, match=f"{name} must have a.* dtype"):
        from_arrays(**{"prompt_tokens": [1], "output_tokens": [1], name: value})


def test_the_class_itself_takes_only_what_is_in_order() -> None:
    ones = np.ones(3, np.int64)
    with pytest.raises(
        ValueError, match=r"arrivals\[2\] must be at least arrivals\[1\] = 2, got 1"
    ):
        Trace(ones, ones, np.array([0.0, 2.0, 1.0]))
    with pytest.raises(
        ValueError, match="arrivals must be as long as prompt_tokens, 3 values, got 1"
    ):
        Trace(ones, ones).with_arrivals([0.0])


def test_importing_needs_numpy_alone() -> None:
    code = (
        "import sys, multibin.lab.traces;"
        " print(sorted({name.split('.')[0] for name in sys.modules}))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "'numpy'" in done.stdout
    for heavy in ("pandas", "scipy", "torch", "matplotlib"):
        assert f"'{heavy}'" not in done.stdout


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
    assert chat(5, 0).output_tokens.tolist() == CHAT, "the published demo runs on these"


CHAT = [37, 29, 61, 36, 19]


TWO = from_arrays([7, 8], [4, 5], arrivals=[0.0, 2.0])
SECONDS = Measured(ttft=np.array([0.1, 0.2]), latency=np.array([1.0, np.nan]), tpot=np.ones(2))


def test_what_was_measured_is_cut_with_the_rows_and_goes_with_their_times() -> None:
    trace = replace(TWO, measured=SECONDS)
    part = trace[1:]
    assert part.measured is not None
    assert part.measured.ttft.tolist() == [0.2]
    assert np.isnan(part.measured.latency[0])
    assert trace.with_predicted([1, 1]).measured is SECONDS
    others = (trace.with_arrivals([0, 1]), trace.scale_rate(2), trace.resample(3, seed=0))
    assert [other.measured for other in (*others, trace.fitted(4)[0])] == [None] * 4
    with pytest.raises(ValueError, match="measured must be as long as prompt_tokens, 1 values"):
        replace(TWO[:1], measured=SECONDS)


def test_measured_seconds_are_checked_and_read_only() -> None:
    with pytest.raises(ValueError, match="read-only"):
        SECONDS.ttft[0] = 5
    for bad, message in (
        (np.array([-1.0, 0]), r"tpot\[0\] must be NaN, or finite"),
        ([1], "as long"),
    ):
        with pytest.raises(ValueError, match=message):
            Measured(np.zeros(2), np.zeros(2), np.array(bad))
    with pytest.raises(TypeError, match="ttft must have a dtype of numbers"):
        Measured(np.array(["x"], dtype=object), np.zeros(1), np.zeros(1))


def test_a_part_of_a_trace_has_no_source() -> None:
    source = Source("a.csv", "CSV", rows=3, left_out={"0 output tokens": 1})
    trace = replace(TWO, source=source, dropped=1)
    assert trace.scale_rate(2).source is source
    assert trace[:1].source is trace.resample(2, seed=0).source is None
    assert source.kept == 2
    with pytest.raises(TypeError):
        source.left_out["more"] = 1  # type: ignore[index]
