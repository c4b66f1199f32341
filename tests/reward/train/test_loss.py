"""The loss against one computed by hand, one example at a time with all logits."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from tests.reward.train import small
from torch import Tensor

from multibin.reward._formats import Format, columns, encode, format_of, verdict
from multibin.reward.train import Example, train

CAUSAL: list[tuple[Callable[[], Any], str | Format]] = [
    (small.llama, "versaprm"),
    (small.llama, small.BEFORE),
    (small.gpt2, "versaprm"),
    (small.gemma, "versaprm"),
]
TOKENS: list[tuple[Callable[[], Any], str | Format]] = [
    (small.token_classifier, small.TOKENS),
    (small.token_classifier, "trl"),
    (small.bert, small.BOTH_WAYS),
]
PLAIN: dict[str, Any] = {
    "steps": 1,
    "batch_size": 3,
    "accumulate": 3,
    "lr": 0.01,
    "warmup": 0,
    "schedule": "constant",
    "weight_decay": 0,
    "clip": None,
    "use_tqdm": False,
}


def by_hand(model: Any, format: Format, examples: list[Example]) -> Tensor:
    """Returns the mean loss of a labelled step up to the first bad one, from whole logits."""
    shown = columns(format, small.TOKENIZER)
    losses = []
    for example in examples:
        labels = list(example.labels)
        kept = labels.index(False) + 1 if False in labels else len(labels)
        encoded = encode(format, small.TOKENIZER, example.question, example.steps[:kept])
        logits = model(torch.tensor([encoded.ids])).logits[0]
        for end, label in zip(encoded.ends, labels[:kept], strict=True):
            if label is not None:
                losses.append(-torch.log_softmax(logits[end][shown], -1)[int(label)])
    return torch.stack(losses).mean()


@pytest.mark.parametrize(("make", "format"), CAUSAL + TOKENS)
def test_loss_and_step_are_those_computed_by_hand(
    make: Callable[[], Any], format: str | Format
) -> None:
    expected = make().train()
    optimiser = torch.optim.AdamW(expected.parameters(), lr=0.01, weight_decay=0)
    loss = by_hand(expected, format_of(format), small.EXAMPLES)
    torch.autograd.backward(loss)
    optimiser.step()

    model = make()
    history = train(model, small.TOKENIZER, small.EXAMPLES, format=format, **PLAIN)

    assert history.losses == pytest.approx([float(loss.detach())], abs=1e-12)
    for name, weight in expected.named_parameters():
        # Gradients of rounding size alone may differ in sign: Adam makes full steps of them.
        known = weight.grad.abs() > 1e-10 if weight.grad is not None else torch.tensor(False)
        found = model.get_parameter(name)
        torch.testing.assert_close(found[known], weight[known], atol=1e-7, rtol=0)


@pytest.mark.parametrize("batch_size", [1, 2, 4])
def test_accumulated_batches_equal_one_batch(batch_size: int) -> None:
    whole, parts = small.llama(), small.llama()
    shared = PLAIN | {"steps": 4, "clip": 1.0, "weight_decay": 0.01}
    one = shared | {"batch_size": 8, "accumulate": 1}
    several = shared | {"batch_size": batch_size, "accumulate": 8 // batch_size}
    expected = train(whole, small.TOKENIZER, small.EXAMPLES, **one)
    history = train(parts, small.TOKENIZER, small.EXAMPLES, **several)
    assert history.losses == pytest.approx(expected.losses, abs=1e-9)


def test_validation_loss_is_a_mean_over_steps() -> None:
    model = small.llama()
    few = PLAIN | {"lr": 1e-30}
    history = train(model, small.TOKENIZER, small.EXAMPLES, validation=small.EXAMPLES[:4], **few)
    with torch.no_grad():
        expected = by_hand(model, format_of("versaprm"), small.EXAMPLES[:4])
    assert [each.step for each in history.validations] == [1]
    assert history.validations[0].loss == pytest.approx(float(expected), abs=1e-12)


def test_outcome_trains_on_the_last_step_alone_and_reads_all() -> None:
    examples = [Example("q", ["bad", "good"], [False, True])]
    model = small.llama()
    history = train(model, small.TOKENIZER, examples, outcome=True, **PLAIN)
    versaprm = format_of("versaprm")
    whole = encode(versaprm, small.TOKENIZER, "q", ["bad", "good"])
    with torch.no_grad():
        logits = small.llama()(torch.tensor([whole.ids])).logits[0, whole.ends[-1]]
    expected = -torch.log_softmax(logits[columns(versaprm, small.TOKENIZER)], -1)[1]
    assert history.losses == pytest.approx([float(expected)], abs=1e-12)


def test_a_verdict_is_trained_on_the_whole_answer() -> None:
    judge = verdict(labels=("-", "+"))
    examples = [Example("q", ["step", "answer"], [None, True]), Example("q", ["no"], [False])]
    history = train(small.llama(), small.TOKENIZER, examples, format=judge, outcome=True, **PLAIN)
    joined = [Example("q", ["step\n\nanswer"], [True]), examples[1]]
    with torch.no_grad():
        expected = by_hand(small.llama(), judge, joined)
    assert history.losses == pytest.approx([float(expected)], abs=1e-12)
    with pytest.raises(ValueError, match="steps must be 1 for verdict without outcome=True, got 2"):
        train(small.llama(), small.TOKENIZER, examples, format=judge, **PLAIN)


def test_recomputed_layers_give_the_same_losses() -> None:
    shared = PLAIN | {"steps": 3}
    expected = train(small.llama(), small.TOKENIZER, small.EXAMPLES, **shared)
    model = small.llama()
    # Transformers has renamed it in 5.24.
    new = hasattr(model, "activation_checkpointing_enable")
    getattr(model, f"{'activation' if new else 'gradient'}_checkpointing_enable")()
    history = train(model, small.TOKENIZER, small.EXAMPLES, **shared)
    assert history.losses == pytest.approx(expected.losses, abs=1e-9)


def test_bfloat16_products_leave_weights_and_loss_in_float32() -> None:
    model = small.llama().float()
    history = train(model, small.TOKENIZER, small.EXAMPLES, autocast="bfloat16", **PLAIN)
    exact = train(small.llama().float(), small.TOKENIZER, small.EXAMPLES, **PLAIN)
    assert history.losses == pytest.approx(exact.losses, abs=0.02)
    assert history.losses != exact.losses
    assert {each.dtype for each in model.parameters()} == {torch.float32}


def test_the_head_projects_label_columns_of_step_ends_alone() -> None:
    model = small.llama()
    shapes: list[tuple[int, ...]] = []
    handle = model.lm_head.register_forward_hook(lambda *found: shapes.append(found[2].shape))
    train(model, small.TOKENIZER, small.EXAMPLES, **PLAIN)
    handle.remove()
    labelled = 14
    assert sum(rows for _, rows, _ in shapes) == labelled
    assert {columns for _, _, columns in shapes} == {2}
    assert model(torch.tensor([[1, 2]])).logits.shape == (1, 2, small.SIZES["vocab_size"])
