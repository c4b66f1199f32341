"""One model object in other engines, other threads and a training loop."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from threading import Thread, get_ident
from typing import Any

import pytest
import torch
from tests.llm.greedy import Reference, continued
from transformers import GPT2Config

from multibin.llm import LLM
from multibin.llm._load.eval_mode import eval_mode


@contextmanager
def meanwhile(head: Any, work: Callable[[], Any]) -> Iterator[list[Any]]:
    """Runs `work` in another thread at each projection to the vocabulary of this thread."""
    results: list[Any] = []
    engine = get_ident()

    def elsewhere() -> None:
        try:
            results.append(work())
        except Exception as error:
            results.append(error)

    def hook(*_: object) -> None:
        if get_ident() == engine:
            thread = Thread(target=elsewhere)
            thread.start()
            thread.join()

    handle = head.register_forward_pre_hook(hook)
    try:
        yield results
    finally:
        handle.remove()


def test_a_forward_pass_of_another_thread_is_left_alone(
    llama: Any, prompts: list[list[int]], reference: Reference
) -> None:
    ids = torch.tensor([[4, 5, 6], [7, 8, 9]])
    with torch.no_grad():
        expected = llama(ids).logits
    llm = LLM(llama, batch_size=4)

    def forward() -> Any:
        with torch.no_grad():
            return llama(ids).logits

    with meanwhile(llama.lm_head, forward) as seen:
        texts = continued(llm, prompts[:4], [3] * 4)
    assert len(seen) == 3
    assert all(torch.is_tensor(logits) and torch.equal(logits, expected) for logits in seen)
    assert texts == reference(llama, prompts[:4], [3] * 4)


def test_two_engines_on_one_model_in_two_threads(
    model: Any, prompts: list[list[int]], reference: Reference
) -> None:
    """The second engine runs whole calls inside the passes of the first."""
    first, second = LLM(model, batch_size=4), LLM(model, batch_size=3)

    def other() -> list[list[int]]:
        return continued(second, prompts[4:9], [5] * 5)

    with meanwhile(model.get_output_embeddings(), other) as seen:
        texts = continued(first, prompts[:4], [3] * 4)
    assert seen == [reference(model, prompts[4:9], [5] * 5)] * 3
    assert texts == reference(model, prompts[:4], [3] * 4)


@pytest.fixture(scope="module")
def droppy(make_model: Callable[..., Any]) -> Any:
    """A GPT-2 that drops half of everything in training mode."""
    half = {"attn_pdrop": 0.5, "embd_pdrop": 0.5, "resid_pdrop": 0.5}
    config = GPT2Config(vocab_size=97, n_positions=128, n_embd=32, n_layer=2, n_head=4, **half)
    return make_model(config)


def test_training_mode_is_off_during_a_call_and_back_after_it(
    droppy: Any, prompts: list[list[int]], reference: Reference
) -> None:
    expected = reference(droppy, prompts[:4], [20] * 4)
    llm = LLM(droppy, batch_size=4)
    droppy.train()
    droppy.transformer.h[0].eval()
    modes = [part.training for part in droppy.modules()]
    try:
        assert continued(llm, prompts[:4], [20] * 4) == expected
        assert [part.training for part in droppy.modules()] == modes
        assert any(modes)
        assert not all(modes)
    finally:
        droppy.eval()


def test_the_last_of_overlapping_calls_restores_the_mode() -> None:
    module = torch.nn.Dropout()
    with ExitStack() as outer, ExitStack() as inner:
        outer.enter_context(eval_mode(module))
        inner.enter_context(eval_mode(module))
        outer.close()
        assert not module.training
        inner.close()
        assert module.training
    module.eval()
    with eval_mode(module):
        pass
    assert not module.training
