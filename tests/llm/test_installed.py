"""The engine's attention on a model that others use meanwhile: forward, copies, pickles, saving."""

from __future__ import annotations

import copy
import io
import json
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from tests.llm.greedy import Reference, continued
from tests.llm.small import GROUPED
from tests.llm.test_sharing import meanwhile
from transformers import AutoModelForCausalLM, Gemma2Config, LlamaConfig, MistralConfig

from multibin.llm import LLM
from multibin.llm._load import hf

PROMPTS = [[5, 6, 7], [9, 8] * 14, [3, 1]]
BUDGETS = [4] * 3

CONFIGS: dict[str, Callable[[], Any]] = {
    "sdpa": lambda: LlamaConfig(**GROUPED),
    "a window": lambda: MistralConfig(**GROUPED, sliding_window=8),
    "eager, soft caps": lambda: Gemma2Config(**GROUPED, sliding_window=8, head_dim=8),
}


@pytest.fixture(params=CONFIGS)
def shared(request: pytest.FixtureRequest, make_model: Callable[..., Any]) -> Any:
    """A model whose layers call the engine's attention while an engine runs."""
    return make_model(CONFIGS[request.param]())


def forward(model: Any) -> torch.Tensor:
    """Returns the logits of two rows, one padded on the right."""
    ids = torch.arange(1, 41).view(2, 20)
    mask = torch.ones_like(ids)
    mask[0, 13:] = 0
    with torch.no_grad():
        logits: torch.Tensor = model(input_ids=ids, attention_mask=mask).logits
    return logits


def test_forward_in_another_thread_is_what_it_was(shared: Any, reference: Reference) -> None:
    expected = forward(shared)
    texts = reference(shared, PROMPTS, BUDGETS)
    llm = LLM(shared, batch_size=4)
    with meanwhile(shared.lm_head, lambda: forward(shared)) as seen:
        assert continued(llm, PROMPTS, BUDGETS) == texts
    assert seen
    assert all(torch.equal(logits, expected) for logits in seen)


def test_generate_in_another_thread_is_what_it_was(shared: Any, reference: Reference) -> None:
    texts = reference(shared, PROMPTS, BUDGETS)
    others = [[11, 12, 13, 14] * 4]
    expected = reference(shared, others, [5])
    ids = torch.tensor(others)

    def generate() -> list[int]:
        options = {"max_new_tokens": 5, "do_sample": False, "pad_token_id": 0}
        tokens: list[int] = shared.generate(ids, attention_mask=ids * 0 + 1, **options)[0].tolist()
        return tokens[16:]

    with meanwhile(shared.lm_head, generate) as seen:
        assert continued(LLM(shared, batch_size=4), PROMPTS, BUDGETS) == texts
    assert seen == expected * len(seen)


def test_two_engines_that_run_at_once_leave_the_config_as_it_was(
    shared: Any, reference: Reference
) -> None:
    name = shared.config._attn_implementation
    first, second = LLM(shared, batch_size=4), LLM(shared, batch_size=2, scheduling="continuous")
    texts = reference(shared, PROMPTS, BUDGETS)
    with meanwhile(shared.lm_head, lambda: continued(second, PROMPTS, BUDGETS)) as seen:
        assert continued(first, PROMPTS, BUDGETS) == texts
    assert seen
    assert all(one == texts for one in seen)
    assert shared.config._attn_implementation == name


def test_an_engine_is_made_while_another_runs(shared: Any, reference: Reference) -> None:
    texts = reference(shared, PROMPTS, BUDGETS)

    def another() -> Any:
        return continued(LLM(shared), PROMPTS[:1], BUDGETS[:1])

    with meanwhile(shared.lm_head, another) as seen:
        assert continued(LLM(shared, batch_size=4), PROMPTS, BUDGETS) == texts
    assert seen == [texts[:1]] * len(seen)


def deep(model: Any, _: Path) -> Any:
    return copy.deepcopy(model)


def pickled(model: Any, _: Path) -> Any:
    return pickle.loads(pickle.dumps(model))


def saved_whole(model: Any, _: Path) -> Any:
    file = io.BytesIO()
    torch.save(model, file)
    file.seek(0)
    return torch.load(file, weights_only=False)


def saved(model: Any, folder: Path) -> Any:
    model.save_pretrained(folder)
    return AutoModelForCausalLM.from_pretrained(folder)


@pytest.mark.parametrize("way", [deep, pickled, saved_whole, saved])
def test_a_copy_that_is_made_meanwhile_does_not_know_the_engine(
    way: Callable[[Any, Path], Any], shared: Any, reference: Reference, tmp_path: Path
) -> None:
    name = shared.config._attn_implementation
    expected = forward(shared)
    texts = reference(shared, PROMPTS, BUDGETS)
    # The engine's hook is on the model from here on.
    assert continued(LLM(shared, batch_size=4), PROMPTS, BUDGETS) == texts
    with hf.attention_installed(shared):
        assert shared.config._attn_implementation == f"multibin_{name}"
        one = way(shared, tmp_path)
    assert type(one.config._attn_implementation) is str
    assert one.config._attn_implementation == name
    # A saved model computes its float64 constants again, some in float32.
    torch.testing.assert_close(forward(one), expected, rtol=0, atol=1e-5)
    assert continued(LLM(one, batch_size=4), PROMPTS, BUDGETS) == texts
    for file in tmp_path.glob("*.json"):
        assert "multibin" not in json.dumps(json.loads(file.read_text(encoding="utf-8")))


def test_a_model_whose_layers_do_not_know_the_interface_keeps_its_config(llama: Any) -> None:
    llama_name = llama.config._attn_implementation
    llama.config._attn_implementation_internal = "flash_attention_2"
    try:
        assert not hf.takes_attention(llama)
    finally:
        llama.config._attn_implementation_internal = llama_name
    assert hf.takes_attention(llama)
