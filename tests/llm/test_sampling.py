"""Sampling: filters equal those of transformers, the draw its definition; seeds."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pytest
import torch
from tests.llm.greedy import tokens
from tests.llm.rows import CPU, Row, logits
from transformers import TopKLogitsWarper, TopPLogitsWarper

from multibin._args import shown
from multibin.llm import LLM, SamplingParams
from multibin.llm._engine.sampling import AHEAD, Filters, Sampler, draw, uniforms


def filtered(params: SamplingParams, row: torch.Tensor) -> torch.Tensor:
    return Filters([params], CPU)(row.clone())


def test_uniforms_depend_on_seed_and_position_alone() -> None:
    seeds = np.array([0, 1, 2, 2**64 - 1], dtype=np.uint64)
    positions = np.arange(5000, dtype=np.uint64)[:, None]
    block = uniforms(seeds, positions)
    assert block.shape == (5000, 4)
    assert block.min() >= 0
    assert block.max() < 1
    assert np.array_equal(uniforms(seeds[1:2], positions[7:8]), block[7:8, 1:2])
    assert len(np.unique(block)) == block.size
    # All within 5 standard errors: a mean of 1/2, no correlation of columns or neighbouring steps.
    assert np.abs(block.mean(0) - 0.5).max() < 5 / np.sqrt(12 * 5000)
    assert np.abs(np.corrcoef(block.T) - np.eye(4)).max() < 5 / np.sqrt(5000)
    for column in block.T:
        assert abs(np.corrcoef(column[1:], column[:-1])[0, 1]) < 5 / np.sqrt(5000)


def test_neighbouring_seeds_are_not_shifted_copies() -> None:
    block = uniforms(np.arange(200, dtype=np.uint64), np.arange(200, dtype=np.uint64)[:, None])
    assert len(np.unique(block)) == block.size


def test_draw_inverts_the_cumulative_distribution() -> None:
    probabilities = torch.tensor([[0.25, 0.0, 0.5, 0.25]], dtype=torch.float64).repeat(6, 1)
    uniform = torch.tensor([0.0, 0.2499, 0.2501, 0.7499, 0.7501, 1 - 2**-53], dtype=torch.float64)
    assert draw(probabilities.log(), uniform).tolist() == [0, 0, 2, 2, 3, 3]


def test_draw_never_takes_what_was_filtered_out() -> None:
    row = torch.full((1, 1000), -torch.inf)
    row[0, 3] = 1.0
    for u in (0.0, 0.5, 1 - 2**-53):
        assert draw(row, torch.tensor([u], dtype=torch.float64)).item() == 3


@pytest.mark.parametrize("top_k", [1, 3, 49, 50, 1000, 2**31, 2**63, 2**70])
def test_top_k_is_that_of_transformers(top_k: int) -> None:
    row = logits(1)
    expected = TopKLogitsWarper(top_k)(None, row)
    assert torch.equal(filtered(SamplingParams(top_k=top_k), row), expected)


@pytest.mark.parametrize("top_p", [5e-324, 1e-46, 1e-9, 0.1, 0.5, 0.9, 0.999])
def test_top_p_is_that_of_transformers(top_p: float) -> None:
    row = logits(1)
    expected = TopPLogitsWarper(top_p)(None, row)
    assert torch.equal(filtered(SamplingParams(top_p=top_p), row), expected)


def test_top_k_comes_before_top_p() -> None:
    row = logits(1)
    expected = TopPLogitsWarper(0.7)(None, TopKLogitsWarper(4)(None, row))
    assert torch.equal(filtered(SamplingParams(top_k=4, top_p=0.7), row), expected)


def test_tokens_as_likely_as_the_kth_stay() -> None:
    row = torch.tensor([[2.0, 1.0, 0.0, 1.0, 1.0, -1.0]])
    kept = filtered(SamplingParams(top_k=3), row)
    assert torch.equal(kept, TopKLogitsWarper(3)(None, row))
    assert int(torch.isfinite(kept).sum()) == 4


def test_a_row_without_filters_is_untouched_beside_one_with() -> None:
    rows = logits(2, vocabulary=5000).float()
    both = Filters([SamplingParams(), SamplingParams(top_k=5, top_p=0.5)], CPU)(rows.clone())
    assert torch.equal(both[0], rows[0])
    assert int(torch.isfinite(both[1]).sum()) <= 5


def test_samples_follow_the_distribution() -> None:
    """20,000 draws: Pearson's χ² of 7 degrees of freedom stays under its 0.9999 quantile, 29.9."""
    row, params = logits(1, vocabulary=8) / 3, SamplingParams(temperature=1.7)
    sampler = Sampler([Row(params, seed) for seed in range(20_000)], CPU)
    counts = torch.bincount(sampler(row.expand(20_000, -1)), minlength=8).double()
    expected = 20_000 * (row[0] / 1.7).softmax(-1)
    assert float(((counts - expected) ** 2 / expected).sum()) < 29.9


def test_greedy_rows_take_the_likeliest_also_beside_sampled_ones() -> None:
    rows = logits(3)
    mixed = [SamplingParams(temperature=0), SamplingParams(), SamplingParams(temperature=0)]
    tokens = Sampler([Row(params) for params in mixed], CPU)(rows)
    likeliest = rows.argmax(-1)
    assert tokens[0] == likeliest[0]
    assert tokens[2] == likeliest[2]
    assert torch.equal(Sampler([Row(mixed[0])] * 3, CPU)(rows), likeliest)


@pytest.mark.parametrize("temperature", [5e-324, 1e-46, 1e-40, 1e-30, 1e-3])
def test_a_tiny_temperature_is_greedy(temperature: float) -> None:
    rows = logits(4).float()
    tokens = Sampler([Row(SamplingParams(temperature=temperature))] * 4, CPU)(rows)
    assert torch.equal(tokens, rows.argmax(-1))


@pytest.mark.parametrize("temperature", [1e30, 1e300, 2**1000])
def test_a_huge_temperature_is_uniform_over_what_is_possible(temperature: float) -> None:
    row = logits(1, vocabulary=4).float()
    row[0, 1] = -torch.inf
    rows = [Row(SamplingParams(temperature=temperature), seed) for seed in range(300)]
    counts = torch.bincount(Sampler(rows, CPU)(row.expand(300, -1)), minlength=4)
    assert counts[1] == 0
    assert counts[[0, 2, 3]].min() > 70


BROKEN = {"NaN": torch.nan, "infinite": torch.inf, "impossible": -torch.inf}


@pytest.mark.parametrize("kind", BROKEN)
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16])
def test_a_row_without_a_distribution_leaves_the_others_alone(kind: str, dtype: Any) -> None:
    rows = logits(3).to(dtype)
    params = [SamplingParams(top_k=5), SamplingParams(top_p=0.9), SamplingParams()]
    expected = Sampler([Row(p, 3) for p in params], CPU)(rows)
    rows[1, 7:] = BROKEN[kind]
    if kind == "impossible":
        rows[1] = -torch.inf
    tokens = Sampler([Row(p, 3) for p in params], CPU)(rows)
    assert tokens[[0, 2]].tolist() == expected[[0, 2]].tolist()
    assert tokens[1] == (0 if kind == "impossible" else 7)


@pytest.mark.parametrize("value", BROKEN.values())
def test_draw_stays_inside_the_vocabulary(value: float) -> None:
    for u in (0.0, 0.5, 1 - 2**-53):
        index = draw(torch.full((1, 9), value), torch.tensor([u], dtype=torch.float64))
        assert 0 <= int(index) < 9


def test_a_row_samples_the_same_beside_any_others() -> None:
    """Over more steps than are drawn ahead: alone, as the middle row of three, and begun midway."""
    row = Row(SamplingParams(temperature=0.8), seed=42)
    others = [Row(SamplingParams(top_k=2), 1), Row(SamplingParams(temperature=0), 2)]
    steps = [logits(3, seed=step) for step in range(2 * AHEAD + 3)]
    alone = Sampler([row], CPU)
    expected = [alone(step[1:2]).item() for step in steps]
    beside = Sampler([others[0], row, others[1]], CPU)
    assert [beside(step)[1].item() for step in steps] == expected
    midway = Sampler([Row(row.params, 42, [0] * 10)], CPU)
    assert [midway(step[1:2]).item() for step in steps[10:]] == expected[10:]


SEEDED = [
    SamplingParams(max_tokens=25, temperature=0.9, seed=1),
    SamplingParams(max_tokens=12, temperature=1.3, top_k=20, seed=2),
    SamplingParams(max_tokens=30, temperature=1.0, top_p=0.8, seed=3),
    SamplingParams(max_tokens=18, temperature=0),
]


@pytest.mark.parametrize(
    "options",
    [
        {"scheduling": "fifo", "batch_size": 1},
        {"scheduling": "fifo", "batch_size": 5},
        {"bins": 3, "batch_size": 4},
        {"edges": [0, 3, 7, 20, 30], "batch_size": 4},
        {"fill": "strict", "overrun": "finish", "edges": [0, 10, 20], "batch_size": 4},
    ],
)
def test_a_seeded_text_does_not_depend_on_the_batch(
    llama: Any, prompts: list[list[int]], options: dict[str, Any]
) -> None:
    params = [SEEDED[i % 4] for i in range(len(prompts))]
    expected = [
        tokens(LLM(llama, batch_size=2).generate(prompt, one, use_tqdm=False))[0]
        for prompt, one in zip(prompts[:8], params[:8], strict=True)
    ]
    outputs = LLM(llama, **options).generate(prompts, params, use_tqdm=False)
    assert tokens(outputs[:8]) == expected


def test_without_a_seed_torchs_generator_decides(llama: Any) -> None:
    llm = LLM(llama, batch_size=2)

    def text() -> list[int]:
        params = SamplingParams(max_tokens=20)
        first, second = tokens(llm.generate([[1], [1]], params, use_tqdm=False))
        assert first != second
        return first

    with torch.random.fork_rng():
        torch.manual_seed(5)
        first = text()
        assert text() != first
        torch.manual_seed(5)
        assert text() == first


@pytest.mark.parametrize(
    ("argument", "value", "error"),
    [
        ("max_tokens", 0, ValueError),
        ("max_tokens", 2.5, TypeError),
        ("max_tokens", True, TypeError),
        ("temperature", -0.1, ValueError),
        ("temperature", float("nan"), ValueError),
        ("temperature", float("inf"), ValueError),
        ("temperature", "hot", TypeError),
        ("top_p", 0.0, ValueError),
        ("top_p", 1.1, ValueError),
        ("top_p", float("nan"), ValueError),
        ("top_k", -2, ValueError),
        ("top_k", 1.5, TypeError),
        ("seed", -1, ValueError),
        ("seed", 2**64, ValueError),
        ("seed", 0.5, TypeError),
        ("stop", [""], ValueError),
        ("stop", [3], TypeError),
        ("stop", 3, TypeError),
        ("ignore_eos", 1, TypeError),
        ("n", 0, ValueError),
        ("min_p", 1.5, ValueError),
        ("repetition_penalty", 0, ValueError),
        ("repetition_penalty", float("inf"), ValueError),
        ("presence_penalty", -2.5, ValueError),
        ("frequency_penalty", 3, ValueError),
        ("logit_bias", [1], TypeError),
        ("logit_bias", {"5": 1.0}, TypeError),
        ("logit_bias", {-1: 1.0}, ValueError),
        ("stop_token_ids", 3, TypeError),
        ("stop_token_ids", [-1], ValueError),
        ("stop_token_ids", [1.5], TypeError),
        ("min_tokens", -1, ValueError),
        ("min_tokens", 17, ValueError),
        ("bad_words", "abc", TypeError),
        ("bad_words", [""], ValueError),
        ("bad_words", [3], TypeError),
        ("logprobs", -2, ValueError),
        ("logprobs", True, TypeError),
        ("prompt_logprobs", 1.5, TypeError),
        ("include_stop_str_in_output", None, TypeError),
        ("skip_special_tokens", 0, TypeError),
        ("truncate_prompt_tokens", 0, ValueError),
        ("truncate_prompt_tokens", -2, ValueError),
        ("logits_processors", len, TypeError),
        ("logits_processors", [3], TypeError),
    ],
)
def test_bad_parameters_are_named(argument: str, value: Any, error: type[Exception]) -> None:
    with pytest.raises(error, match=rf"^{argument}(\[0\])? must be ") as caught:
        SamplingParams(**{argument: value})
    parts = [value, *value] if isinstance(value, list | dict) else [value]
    assert str(caught.value).endswith(tuple(f", got {shown(part)}" for part in parts))


@pytest.mark.parametrize("bias", [float("nan"), float("inf"), "1"])
def test_a_bad_bias_is_named(bias: Any) -> None:
    with pytest.raises((TypeError, ValueError), match=r"logit_bias\[7\] must be "):
        SamplingParams(logit_bias={7: bias})


def test_more_least_tokens_than_tokens_are_named() -> None:
    with pytest.raises(ValueError, match=r"^min_tokens must be at most max_tokens, 16, got 17$"):
        SamplingParams(min_tokens=17)


def test_greedy_text_has_one_continuation() -> None:
    with pytest.raises(ValueError, match="n must be 1 with temperature 0, got 2"):
        SamplingParams(n=2, temperature=0)


def test_a_bias_outside_the_vocabulary_is_named(llama: Any) -> None:
    params = SamplingParams(logit_bias={97: 1.0})
    with pytest.raises(ValueError, match=r"logit_bias must be ids .* between 0 and 96, got 97"):
        LLM(llama).generate([[1]], params, use_tqdm=False)


def test_numpy_numbers_are_parameters() -> None:
    numbers: dict[str, Any] = {
        "max_tokens": np.int64(3),
        "temperature": np.float32(0.5),
        "top_k": np.int32(2),
        "seed": np.uint64(7),
    }
    assert not SamplingParams(**numbers).greedy
    assert SamplingParams(temperature=np.float64(0)).greedy


def test_parameters_are_hashable_and_the_callers_list_is_copied() -> None:
    stop, bias = ["a", "b"], {1: 2.0}
    params = SamplingParams(stop=stop, logit_bias=bias, stop_token_ids=[3])
    stop.append("c")
    bias[2] = 1.0
    assert params.stop == ("a", "b")
    assert params.logit_bias == {1: 2.0}
    same = SamplingParams(stop=("a", "b"), logit_bias={1: 2.0}, stop_token_ids=(3,))
    assert hash(params) == hash(same)
    assert params == same
    assert pickle.loads(pickle.dumps(params)) == params


def test_a_number_beyond_floats_is_named() -> None:
    with pytest.raises(ValueError, match="temperature must be finite, got 1000"):
        SamplingParams(temperature=10**400)
