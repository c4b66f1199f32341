"""Costs by name: the formula, the bytes, and names that are refused."""

from __future__ import annotations

import re

import numpy as np
import pytest

import multibin as mb
from multibin.costs import hardware
from multibin.costs._hardware import GPUS, MODELS
from multibin.lab.traces import from_arrays

THROUGHPUTS = {
    "H100-8B": [(128, 128, 16116.63), (1000, 1000, 7721.07), (2048, 128, 1972.07)],
    "A100-8B": [(128, 128, 6552.62), (1000, 1000, 3753.46), (2048, 128, 789.56)],
    "4xH100-70B": [(128, 128, 6392.74), (1000, 1000, 4075.52), (2048, 128, 779.81)],
    "4xA100-70B": [(128, 128, 2716.71), (1000, 1000, 1889.72), (2048, 128, 320.96)],
}
"""Prompt, answer and output tokens per second in 16 bits, TensorRT-LLM 0.15's own overview."""


def test_a_step_reads_the_weights_and_the_caches() -> None:
    found = hardware("H100-8B")
    reads = 2 * (8_030_261_248 - 128_256 * 4096)
    assert found.costs.step == pytest.approx(reads / (0.8 * 3.35e12) + 1e-3)
    assert found.kv_bytes_per_token == 2 * 32 * 8 * 128 * 2
    assert found.costs.kv_token == pytest.approx(131072 / (0.8 * 3.35e12))
    assert (
        found.costs.prompt_token == found.costs.row_step == pytest.approx(reads / (0.65 * 989e12))
    )
    assert found.costs.completes == "row"
    assert found.weight_bytes == 2 * 8_030_261_248


@pytest.mark.parametrize("name", THROUGHPUTS)
def test_throughputs_are_near_those_published(name: str) -> None:
    found = hardware(name)
    for prompt, answer, published in THROUGHPUTS[name]:
        rows = min(2048, found.kv_budget // (found.kv_bytes_per_token * (prompt + answer)))
        trace = from_arrays(np.full(4 * rows, prompt), np.full(4 * rows, answer))
        slots = mb.Baseline.continuous(rows)
        records = mb.simulate(trace, scheduler=slots, costs=found.costs)
        assert records.throughput * answer == pytest.approx(published, rel=0.3)


def test_several_gpus_share_weights_and_caches() -> None:
    one, two = hardware("H200-8B"), hardware("2xH200-8B")
    assert two.kv_budget > 2 * one.kv_budget
    assert two.costs.kv_token == pytest.approx(one.costs.kv_token / 2)
    # All-reduces are left of what two GPUs save.
    assert one.costs.step / 2 < two.costs.step < one.costs.step


@pytest.mark.parametrize("name", ["h100-8b", " H100 8B ", "1xH100-8B", "H100_8B", "1 x h100/8b"])
def test_names_are_read_in_any_spelling(name: str) -> None:
    assert hardware(name) == hardware("H100-8B")


@pytest.mark.parametrize("gpu", GPUS)
@pytest.mark.parametrize("model", MODELS)
def test_what_fits_has_room_and_the_rest_is_refused(gpu: str, model: str) -> None:
    if model == "70B":
        with pytest.raises(ValueError, match=rf"needs 141\.1 GB .* 2x{gpu}-70B fits"):
            hardware(f"{gpu}-{model}")
        assert hardware(f"2x{gpu}-70B").kv_budget > 0
    else:
        found = hardware(f"{gpu}-{model}")
        assert found.weight_bytes + found.kv_budget < 0.9 * GPUS[gpu].memory
        assert found.name in f"{gpu}-{model}"
        assert f"{MODELS[model].title} in bf16 on {GPUS[gpu].title}" in found.description


def test_a_context_must_fit() -> None:
    held = hardware("A100-8B").kv_budget // 131072
    assert hardware("A100-8B", context=held) == hardware("A100-8B")
    message = re.escape(f"does not fit a context of {held + 1} tokens: they need 59.2 GB")
    with pytest.raises(ValueError, match=message):
        hardware("A100-8B", context=held + 1)
    with pytest.raises(ValueError, match="context must be at least 1, got 0"):
        hardware("A100-8B", context=0)


@pytest.mark.parametrize(
    "name", ["", "H100", "8B", "B200-8B", "H100-13B", "3xH100-8B", "0xH100-8B"]
)
def test_other_names_say_which_there_are(name: str) -> None:
    message = r"hardware must be a GPU \(A100, H100, H200\) and a model \(1B, 8B, 70B\)"
    with pytest.raises(ValueError, match=message):
        hardware(name)


def test_a_name_is_text() -> None:
    with pytest.raises(TypeError, match="hardware must be a GPU"):
        hardware(8)  # type: ignore[arg-type]
