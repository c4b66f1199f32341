"""Small seeded models in float64, prompts of unlike lengths, and transformers' own answers."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from typing import Any
from weakref import WeakKeyDictionary

import pytest
import torch
from tests.llm.echo import EchoRunner
from tests.llm.greedy import Reference
from tests.llm.tasks import SOON
from transformers import AutoModelForCausalLM, GPT2Config, LlamaConfig, Qwen3Config

from multibin.errors import ClosedError
from multibin.llm import AsyncLLM
from multibin.llm._load.tiny import ByteTokenizer, tiny_model

torch.set_num_threads(1)

VOCABULARY = 97

CONFIGS: dict[str, Callable[[], Any]] = {
    "llama": lambda: LlamaConfig(
        vocab_size=VOCABULARY,
        hidden_size=32,
        intermediate_size=48,
        num_hidden_layers=3,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=128,
    ),
    "gpt2": lambda: GPT2Config(
        vocab_size=VOCABULARY, n_positions=128, n_embd=32, n_layer=2, n_head=4
    ),
    "qwen3": lambda: Qwen3Config(
        vocab_size=VOCABULARY,
        hidden_size=32,
        intermediate_size=48,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=1,
        head_dim=16,
        max_position_embeddings=128,
    ),
}


def build(config: Any, *, seed: int = 0) -> Any:
    """Returns a float64 model whose weights are large enough for its greedy text to vary."""
    config.bos_token_id = config.eos_token_id = config.pad_token_id = None
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        model = AutoModelForCausalLM.from_config(config).double().eval()
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.dim() > 1:
                parameter.mul_(6)
    return model


@cache
def cached(kind: str) -> Any:
    return build(CONFIGS[kind]())


@pytest.fixture(scope="session", params=list(CONFIGS))
def model(request: pytest.FixtureRequest) -> Any:
    """A Llama with grouped queries, a GPT-2, and a Qwen with one key head and its own head size."""
    return cached(request.param)


@pytest.fixture(scope="session")
def llama() -> Any:
    """The Llama alone."""
    return cached("llama")


@pytest.fixture(scope="session")
def make_model() -> Callable[..., Any]:
    """Builds a float64 model for a config, with weights under which its greedy text varies."""
    return build


@pytest.fixture(scope="session")
def tokenizer() -> ByteTokenizer:
    """A tokenizer of bytes, for a vocabulary of 259."""
    return ByteTokenizer()


@pytest.fixture(scope="session")
def prompts() -> list[list[int]]:
    """21 prompts of 1 to 40 tokens."""
    generator = torch.Generator().manual_seed(7)
    lengths = torch.randint(1, 40, (21,), generator=generator).tolist()
    return [torch.randint(VOCABULARY, (n,), generator=generator).tolist() for n in lengths]


@pytest.fixture(scope="session")
def budgets() -> list[int]:
    """`max_tokens` for each of the prompts, from 1 to 60, most of them small."""
    generator = torch.Generator().manual_seed(8)
    lengths = torch.exp(torch.randn(21, generator=generator) + 2.2).clamp(1, 60).long()
    return [1, *lengths[1:].tolist()]


def generated_alone(
    model: Any, prompt: Sequence[int], max_tokens: int, eos: int | None
) -> list[int]:
    """Returns the tokens with which transformers continues one prompt."""
    ids = torch.tensor([prompt])
    output = model.generate(
        ids,
        attention_mask=torch.ones_like(ids),
        max_new_tokens=max_tokens,
        do_sample=False,
        eos_token_id=eos,
        pad_token_id=0,
    )
    tokens: list[int] = output[0, len(prompt) :].tolist()
    return tokens


@pytest.fixture(scope="session")
def reference() -> Reference:
    """Greedy text of transformers' `generate`, each prompt alone; kept while the model lives."""
    known: WeakKeyDictionary[Any, dict[tuple[object, ...], list[int]]] = WeakKeyDictionary()

    def generate(
        model: Any, prompts: list[list[int]], budgets: list[int], eos: int | None = None
    ) -> list[list[int]]:
        texts = known.setdefault(model, {})
        outputs = []
        for prompt, budget in zip(prompts, budgets, strict=True):
            key = (tuple(prompt), budget, eos)
            if key not in texts:
                texts[key] = generated_alone(model, prompt, budget, eos)
            outputs.append(texts[key])
        return outputs

    return generate


@pytest.fixture
def runner() -> EchoRunner:
    """A runner that echoes."""
    return EchoRunner()


@pytest.fixture
def make_async(
    runner: EchoRunner, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[..., AsyncLLM]]:
    """Makes engines on the runner that echoes."""
    monkeypatch.setattr(AsyncLLM, "_runner", runner.makes())
    made: list[weakref.ref[AsyncLLM]] = []

    def make(**options: Any) -> AsyncLLM:
        llm = AsyncLLM(tiny_model(), ByteTokenizer(), **options)
        made.append(weakref.ref(llm))
        return llm

    yield make
    runner.gate.set()
    for reference in made:
        if (llm := reference()) is not None:
            llm._service.stop(ClosedError("the test is over"))
            llm._service.join(SOON)
