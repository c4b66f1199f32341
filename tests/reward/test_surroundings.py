"""What surrounds a reward model: encoders, other heads, autocast, changed weights, closing."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import Any

import numpy as np
import pytest
import torch
from tests.reward.formats import vocabularies
from tests.reward.load.tiny import ENCODERS, HIDDEN, build
from torch import nn
from transformers import (
    AutoModel,
    AutoModelForSequenceClassification,
    AutoModelForTokenClassification,
    LlamaConfig,
    MPNetConfig,
    XLMRobertaConfig,
)

from multibin import Batcher, RewardModel
from multibin.errors import ClosedError
from multibin.llm._load.tiny import ByteTokenizer, tiny_model
from multibin.reward import _formats as formats
from multibin.reward._scorer import probe

QUESTION = "What is 1 + 1 ?"
CANDIDATES = ["It is 2 .", "So the answer is 2 . " * 3, "Step\n\nIt is 2 ."]


def alone(model: Any, own: RewardModel, candidate: str) -> Any:
    """The scores of a candidate with nothing but transformers."""
    steps = formats.split(own.format, candidate)
    row = formats.encode(own.format, own.tokenizer, QUESTION, steps)
    ids = torch.tensor([row.ids])
    extra = {} if row.types is None else {"token_type_ids": torch.tensor([row.types])}
    with torch.inference_mode():
        logits = model(ids, attention_mask=torch.ones_like(ids), **extra).logits
    logits = logits if logits.dim() == 2 else logits[0, row.ends]
    return own.format.score(logits).numpy()


@pytest.mark.parametrize("config", [*ENCODERS, XLMRobertaConfig, MPNetConfig])
@pytest.mark.parametrize("name", ["outcome", "trl"])
def test_encoders(config: Any, name: str) -> None:
    outcome = name == "outcome"
    tokenizer = vocabularies.bert() if outcome else vocabularies.byte_level()
    auto = AutoModelForSequenceClassification if outcome else AutoModelForTokenClassification
    sizes = {"vocab_size": len(tokenizer), "max_position_embeddings": 256, "type_vocab_size": 2}
    model = build(auto, config, num_labels=1 if outcome else 2, **sizes).double()
    for weight in model.parameters():
        nn.init.normal_(weight.data, 0, 0.3)
    if config is MPNetConfig and outcome:
        del tokenizer.model_input_names[tokenizer.model_input_names.index("token_type_ids")]
    own = RewardModel(model, tokenizer, format=name)
    for found, candidate in zip(own.score(QUESTION, CANDIDATES), CANDIDATES, strict=True):
        np.testing.assert_allclose(found, alone(model, own, candidate), rtol=0, atol=1e-9)


def classifier(dtype: torch.dtype) -> Any:
    tokenizer = vocabularies.byte_level()
    sizes = {"vocab_size": len(tokenizer), "max_position_embeddings": 256, "num_labels": 2}
    return build(AutoModelForTokenClassification, LlamaConfig, **sizes).to(dtype), tokenizer


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_a_head_that_was_trained_is_read(dtype: torch.dtype) -> None:
    model, tokenizer = classifier(dtype)
    own = RewardModel(model, tokenizer, format="trl")
    before = own.score(QUESTION, CANDIDATES)
    with torch.no_grad():
        model.score.weight.mul_(-3)
    own.forget()
    found = own.score(QUESTION, CANDIDATES)
    expected = RewardModel(model, tokenizer, format="trl").score(QUESTION, CANDIDATES)
    for one, other, old in zip(found, expected, before, strict=True):
        np.testing.assert_array_equal(one, other)
        assert not np.allclose(one, old)


class Dropping(nn.Module):
    """A head of a value that drops out, in a module without a name for its projection."""

    def __init__(self) -> None:
        super().__init__()
        tokens = len(vocabularies.byte_level())
        sizes = {"vocab_size": tokens, "max_position_embeddings": 256}
        self.model = build(AutoModel, LlamaConfig, **sizes)
        self.v_head = nn.Sequential(nn.Dropout(0.5), nn.Linear(HIDDEN, 1))


def test_a_head_in_training_does_not_drop_out() -> None:
    model = Dropping().double()
    own = RewardModel(model, vocabularies.byte_level(), format="skywork")
    expected = own.score(QUESTION, CANDIDATES)
    model.train()
    for one, other in zip(own.score(QUESTION, CANDIDATES), expected, strict=True):
        np.testing.assert_array_equal(one, other)
    assert all(part.training for part in model.modules())


@pytest.mark.parametrize("name", ["versaprm", "trl"])
def test_autocast_around_a_call_changes_nothing(name: str) -> None:
    trl = classifier(torch.float32)
    model, tokenizer = trl if name == "trl" else (tiny_model(), ByteTokenizer())
    own = RewardModel(model, tokenizer, format=name, cache_memory=2**24)
    expected = RewardModel(model, tokenizer, format=name).score(QUESTION, CANDIDATES)
    own.score(QUESTION, CANDIDATES[:1])
    with torch.autocast("cpu", dtype=torch.bfloat16):
        found = own.score(QUESTION, CANDIDATES)
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_allclose(one, other, rtol=0, atol=1e-5)


def changed_by_a_hook(head: nn.Linear) -> None:
    # Called with all logits or with some, it must see them all.
    head.register_forward_hook(lambda _, __, logits: logits / logits.std(-1, keepdim=True))


def changed_by_a_forward(head: nn.Linear) -> None:
    original = head.forward
    head.forward = lambda states: original(states) * 2  # type: ignore[method-assign, assignment]


@pytest.mark.parametrize("change", [changed_by_a_hook, changed_by_a_forward])
def test_a_head_that_is_changed_stays_so(change: Any) -> None:
    model = tiny_model().double()
    change(model.lm_head)
    before = dict(vars(model.lm_head))
    own = RewardModel(model, ByteTokenizer())
    for _ in range(2):
        for found, candidate in zip(own.score(QUESTION, CANDIDATES), CANDIDATES, strict=True):
            steps = formats.split(own.format, candidate)
            row = formats.encode(own.format, own.tokenizer, QUESTION, steps)
            with torch.inference_mode():
                logits = model(torch.tensor([row.ids])).logits[0, row.ends]
            expected = own.format.score(logits[:, formats.columns(own.format, own.tokenizer)])
            np.testing.assert_allclose(found, expected, rtol=0, atol=1e-9)
    assert vars(model.lm_head) == before


def test_a_clock_without_ticks_leaves_passes_packed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(probe, "perf_counter", lambda: 0.0)
    own = RewardModel(tiny_model(), ByteTokenizer())
    assert own.stats()["way"] == "packed"
    assert len(own.score(QUESTION, CANDIDATES)) == len(CANDIDATES)


def test_states_of_a_failed_pass_are_dropped(monkeypatch: pytest.MonkeyPatch) -> None:
    own = RewardModel(tiny_model(), ByteTokenizer())
    packed = own._scorer.ways.packed
    assert packed is not None

    def lacking(*_: Any) -> Any:
        assert packed._states
        raise torch.OutOfMemoryError

    monkeypatch.setattr("multibin.reward._scorer.packed.attention", lacking)
    with pytest.raises(torch.OutOfMemoryError):
        own.score(QUESTION, CANDIDATES)
    assert not packed._states
    assert not packed._pass.segments


def test_close_before_the_first_call_closes() -> None:
    own = RewardModel(tiny_model(), ByteTokenizer())
    own.close()
    with pytest.raises(ClosedError):
        asyncio.run(own.ascore(QUESTION, CANDIDATES))


def test_more_questions_than_a_batcher_holds_wait_for_room(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("multibin.reward._model.Batcher", partial(Batcher, capacity=32))

    async def main() -> Any:
        async with RewardModel(tiny_model(), ByteTokenizer()) as own:
            return await own.ascore(["a"] * 99, ["b"] * 99)

    assert len(asyncio.run(main())) == 99
