"""On a GPU, greedy text in float64 is that of transformers on the same GPU, under every mode."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from tests.llm.greedy import continued
from tests.llm.small import GROUPED
from transformers import LlamaConfig, Qwen3Config

from multibin.llm import LLM

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")

EDGES = [0, 4, 10, 25, 60]
MODES: dict[str, tuple[dict[str, Any], bool]] = {
    "fifo": ({"scheduling": "fifo"}, False),
    "bins": ({"edges": EDGES, "overrun": "finish"}, True),
    "climbing": ({"edges": EDGES}, False),
    "continuous": ({"scheduling": "continuous"}, False),
    "continuous, predicted": ({"scheduling": "continuous"}, True),
}
CONFIGS = {"llama": LlamaConfig, "qwen3": Qwen3Config}


@pytest.fixture(scope="module", params=list(CONFIGS))
def model(request: pytest.FixtureRequest, make_model: Any) -> Any:
    """A small model on the GPU."""
    sizes = GROUPED | {"max_position_embeddings": 128, "head_dim": 16}
    return make_model(CONFIGS[request.param](**sizes)).to("cuda")


@pytest.fixture(scope="module")
def expected(model: Any, prompts: list[list[int]], budgets: list[int]) -> list[list[int]]:
    """What transformers continues each prompt with, alone and on the GPU."""
    texts = []
    for prompt, budget in zip(prompts, budgets, strict=True):
        ids = torch.tensor([prompt], device="cuda")
        output = model.generate(
            ids,
            attention_mask=torch.ones_like(ids),
            max_new_tokens=budget,
            do_sample=False,
            eos_token_id=None,
            pad_token_id=0,
        )
        texts.append(output[0, len(prompt) :].tolist())
    return texts


@pytest.mark.parametrize("mode", MODES)
def test_every_mode(
    mode: str,
    model: Any,
    prompts: list[list[int]],
    budgets: list[int],
    expected: list[list[int]],
) -> None:
    options, predicted = MODES[mode]
    llm = LLM(model, batch_size=4, **options)
    assert continued(llm, prompts, budgets, lengths=budgets if predicted else None) == expected


def test_a_call_leaves_the_device_free_of_errors(model: Any, prompts: list[list[int]]) -> None:
    """An error of a kernel shows at the next synchronisation only."""
    LLM(model, batch_size=8).generate(prompts, use_tqdm=False)
    torch.cuda.synchronize()
