"""Families of models, token for token as transformers: windows, soft caps, sinks, experts, states.

Texts go well beyond the windows. Memory is short, so that rows move, wait outside and return.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from functools import cache
from typing import Any, NamedTuple

import pytest
import torch
from tests.llm.conftest import build
from tests.llm.greedy import Reference, continued
from transformers import (
    BloomConfig,
    DeepseekV3Config,
    Gemma2Config,
    Gemma3TextConfig,
    GPT2Config,
    GPTNeoXConfig,
    GptOssConfig,
    Llama4TextConfig,
    LlamaConfig,
    MistralConfig,
    Phi3Config,
    Qwen3Config,
    Qwen3MoeConfig,
)

from multibin.llm import LLM
from tools.models.shrink import tiny_config

WINDOW = 16

SIZES: dict[str, Any] = {
    "vocab_size": 97,
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 128,
}
HEADS = SIZES | {"head_dim": 8}
"""For families whose heads are not as wide as the hidden size says."""

MIXED = ["sliding_attention", "sliding_attention", "full_attention"]

OWN, EXPANDED, MASKED = (True, False), (True, True), (False, False)
"""Whether layers call the engine's attention, and whether they expand what is cached."""


class Family(NamedTuple):
    """How to make a config, and how its layers attend."""

    config: Callable[[], Any]
    way: tuple[bool, bool] = OWN


FAMILIES = {
    "Llama": Family(lambda: LlamaConfig(**SIZES)),
    "Qwen 3": Family(lambda: Qwen3Config(**HEADS)),
    "Qwen 3, experts": Family(
        lambda: Qwen3MoeConfig(
            **HEADS, num_experts=4, moe_intermediate_size=32, num_experts_per_tok=2
        )
    ),
    "GPT-2": Family(lambda: GPT2Config(vocab_size=97, n_embd=32, n_layer=2, n_head=4)),
    "GPT-NeoX": Family(
        lambda: GPTNeoXConfig(**{k: v for k, v in SIZES.items() if k != "num_key_value_heads"})
    ),
    "Bloom": Family(
        lambda: BloomConfig(vocab_size=97, hidden_size=32, n_layer=2, n_head=4), MASKED
    ),
    "Phi 3": Family(lambda: Phi3Config(**SIZES, sliding_window=WINDOW)),
    "Gemma 2, soft caps": Family(
        lambda: Gemma2Config(
            **HEADS,
            sliding_window=WINDOW,
            attn_logit_softcapping=2.0,
            query_pre_attn_scalar=8,
        )
    ),
    "Gemma 3, windows and full": Family(
        lambda: Gemma3TextConfig(**HEADS, sliding_window=WINDOW, layer_types=MIXED)
    ),
    "gpt-oss, sinks": Family(
        lambda: GptOssConfig(
            **HEADS,
            sliding_window=WINDOW,
            num_local_experts=4,
            rope_parameters={"rope_type": "default", "rope_theta": 10000.0},
        )
    ),
    "Mistral, a window": Family(lambda: MistralConfig(**SIZES, sliding_window=WINDOW)),
    "Llama 4, chunks": Family(
        lambda: Llama4TextConfig(
            **HEADS,
            attention_chunk_size=WINDOW,
            intermediate_size_mlp=48,
            num_local_experts=2,
            layer_types=["chunked_attention", "full_attention", "chunked_attention"],
        )
    ),
    "DeepSeek V3, latents": Family(
        lambda: DeepseekV3Config(
            **SIZES | {"num_key_value_heads": 4},
            n_routed_experts=4,
            moe_intermediate_size=32,
            q_lora_rank=16,
            kv_lora_rank=16,
            qk_nope_head_dim=8,
            qk_rope_head_dim=8,
            v_head_dim=12,
            n_group=1,
            topk_group=1,
            num_experts_per_tok=2,
            first_k_dense_replace=1,
        ),
        EXPANDED,
    ),
}

RECURRENT = {
    "Mamba 2": "mamba2",
    "LFM 2, convolutions": "lfm2",
    "Jamba": "jamba",
    "Bamba": "bamba",
    "Falcon H1, both in a layer": "falcon_h1",
    "Qwen 3 Next, delta rule": "qwen3_next",
}
"""By name, the model types of families that keep a state for each row."""

LENGTHS = (40, 40, 1, 5, 15, 16, 17)
BUDGETS = (12, 20, 50, 9, 30, 4, 24)
"""Of prompts; the first two share 36 tokens."""

POSITIONS, PARKED = 152, 64
"""Positions of the KV cache, with 24 more than the longest text, and of host memory."""


def make_prompts() -> list[list[int]]:
    """Returns prompts of `LENGTHS`."""
    generator = torch.Generator().manual_seed(7)
    texts: list[list[int]] = [
        torch.randint(3, 97, (length,), generator=generator).tolist() for length in LENGTHS
    ]
    texts[1][:36] = texts[0][:36]
    return texts


MODES: dict[str, dict[str, Any]] = {
    "climbing": {"edges": [0, 4, 10, 25]},
    "recomputing, in pieces": {
        "edges": [0, 4, 10, 25],
        "overrun": "recompute",
        "max_prefill_tokens": 7,
    },
    "continuous, in pieces": {
        "scheduling": "continuous",
        "refill_every": 3,
        "max_prefill_tokens": 7,
    },
}


@cache
def model_of(name: str) -> Any:
    """Returns the model of a family; experts in float64 are computed one by one."""
    if name in RECURRENT:
        kinds = {"layer_types": ["conv", "full_attention"]} if "convolutions" in name else {}
        config = tiny_config(RECURRENT[name], {"max_position_embeddings": 128, **kinds})
    else:
        config = FAMILIES[name].config()
    model = build(config)
    if hasattr(model, "set_experts_implementation"):
        model.set_experts_implementation("eager")
    return model


@cache
def position_bytes(name: str) -> int:
    """Returns the bytes of one position, and asserts the way of attention."""
    executor = LLM(model_of(name))._executor
    assert executor.model.keeps_state is (name in RECURRENT)
    way = OWN if name in RECURRENT else FAMILIES[name].way
    assert (executor.model.attends, executor.model.expands) == way
    assert executor.model.context >= 128
    return executor.arena.layout.position_bytes


MOVED: Counter[str] = Counter()
"""What happened to rows in all families."""


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("name", [*FAMILIES, *RECURRENT])
def test_a_family_is_exact_where_memory_is_short(
    name: str, mode: str, reference: Reference
) -> None:
    model, size = model_of(name), position_bytes(name)
    memory: dict[str, Any] = {"kv_cache_memory": size * POSITIONS, "host_memory": size * PARKED}
    llm = LLM(model, batch_size=4, **memory, **MODES[mode])
    prompts = make_prompts()
    lengths = None if mode == "climbing" else [2, 20, 9, 9, 30, 4, 60]
    texts = continued(llm, prompts, BUDGETS, lengths=lengths)
    expected = reference(model, prompts, BUDGETS)
    assert texts == expected
    # An error of positions or masks would not show in texts of one token.
    assert len({token for text in expected for token in text}) > 4
    stats = llm.stats()
    MOVED.update({k: v for k, v in stats.items() if isinstance(v, int)})


def test_rows_climbed_moved_waited_outside_and_shared() -> None:
    """The tests before this one did not pass for lack of movement."""
    if not MOVED:
        pytest.skip("the families did not run in this process")
    kinds = ("climbs", "moved", "parked", "offloaded", "restored", "dropped", "shared", "preempted")
    assert not [kind for kind in kinds if not MOVED[kind]]


@pytest.mark.parametrize("name", RECURRENT)
def test_states_are_not_fed_twice_after_a_lack_of_memory(name: str, reference: Reference) -> None:
    """The step has changed the states when its last layer finds no memory."""
    model = model_of(name)
    llm = LLM(model, batch_size=4, scheduling="fifo")
    prompts, steps = make_prompts()[2:6], []

    def scarce(_: Any, inputs: Any) -> None:
        steps.extend([0] * (inputs[0].shape[:2] == (4, 1)))
        if len(steps) == 3:
            steps.append(0)
            raise torch.OutOfMemoryError("CUDA out of memory")

    handle = model.get_output_embeddings().register_forward_pre_hook(scarce)
    try:
        texts = continued(llm, prompts, [12] * 4)
    finally:
        handle.remove()
    assert len(steps) > 3
    assert texts == reference(model, prompts, [12] * 4)
