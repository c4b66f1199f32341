"""What training reaches, when it stops, and what it refuses."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tests.reward.train import small

from multibin.reward import RewardModel
from multibin.reward.evaluate import step_auc
from multibin.reward.train import Example, History, LoRA, Validation, train

FEW: dict[str, Any] = {"steps": 2, "use_tqdm": False}


def separable(count: int, seed: int) -> list[Example]:
    """Returns examples whose bad steps contain the letter x."""
    draw = random.Random(seed)
    found = []
    for number in range(count):
        steps = ["".join(draw.choices("abcdefx", k=4)) for _ in range(3)]
        found.append(Example(f"{number}?", steps, ["x" not in step for step in steps]))
    return found


def test_a_small_model_learns_what_can_be_seen() -> None:
    model = small.llama().float()
    history = train(
        model,
        small.TOKENIZER,
        separable(400, 0),
        validation=separable(60, 1),
        epochs=8,
        batch_size=16,
        accumulate=1,
        lr=5e-3,
        first_error=False,
        use_tqdm=False,
    )
    last = history.validations[-1]
    assert last.auc is not None
    assert last.auc > 0.9
    assert last.loss < history.validations[0].loss
    assert not model.training


def test_patience_ends_the_run_and_puts_the_best_weights_back() -> None:
    # Labels without a rule: the model learns them by heart and is worse on others.
    draw = random.Random(0)
    examples = [Example(str(n), [f"{n}"], [draw.random() < 0.5]) for n in range(32)]
    model = small.llama().float()
    settings: dict[str, Any] = {"evaluate_every": 1, "batch_size": 16, "accumulate": 1}
    data = examples[:16], examples[16:]
    history = train(
        model,
        small.TOKENIZER,
        data[0],
        validation=data[1],
        steps=200,
        lr=0.01,
        patience=3,
        use_tqdm=False,
        **settings,
    )
    assert history.stopped_early
    assert history.steps < 200
    assert history.since_best == 3
    assert history.best is not None
    check = train(
        model, small.TOKENIZER, data[0], validation=data[1], steps=1, lr=1e-30, use_tqdm=False
    )
    assert check.validations[0].loss == pytest.approx(history.best.loss, abs=1e-5)


def test_without_patience_the_last_weights_stay() -> None:
    model, other = small.llama(), small.llama()
    train(model, small.TOKENIZER, small.EXAMPLES, validation=small.EXAMPLES, lr=0.5, **FEW)
    train(other, small.TOKENIZER, small.EXAMPLES, lr=0.5, **FEW)
    assert torch.equal(model.lm_head.weight, other.lm_head.weight)


def test_a_loss_that_is_not_finite_is_named_and_the_weights_stay() -> None:
    model = small.llama()
    with torch.no_grad():
        model.model.norm.weight[0] = torch.nan
    before = model.lm_head.weight.clone()
    with pytest.raises(FloatingPointError, match="loss must be finite, got nan at step 0"):
        train(model, small.TOKENIZER, small.EXAMPLES, **FEW)
    assert torch.equal(model.lm_head.weight, before)
    assert not model.training
    assert model(torch.tensor([[1]])).logits.shape[-1] == small.SIZES["vocab_size"]


def test_frozen_weights_stay() -> None:
    model = small.llama()
    model.model.embed_tokens.requires_grad_(False)
    before = model.model.embed_tokens.weight.clone()
    train(model, small.TOKENIZER, small.EXAMPLES, lr=0.1, **FEW)
    assert torch.equal(model.model.embed_tokens.weight, before)


@pytest.mark.parametrize(
    ("changed", "error", "message"),
    [
        ({"examples": []}, ValueError, "examples must be at least one Example"),
        ({"examples": "text"}, TypeError, "examples must be a list of Example"),
        ({"examples": [("q", ["a"])]}, TypeError, r"examples\[0\] must be an Example"),
        ({"validation": []}, ValueError, "validation must be at least one Example"),
        (
            {"examples": [Example("q", ["a"], [None])]},
            ValueError,
            "examples must have a labelled step within 128 tokens, got 0 that are longer and 1",
        ),
        ({"max_length": 3}, ValueError, "got 8 that are longer and 0 without a label"),
        ({"max_length": 129}, ValueError, "max_length must be at most the context of the model"),
        ({"epochs": 2}, ValueError, "epochs must be None where steps is given, got 2"),
        ({"steps": 0}, ValueError, "steps must be at least 1, got 0"),
        ({"lr": 0.0}, ValueError, "lr must be finite and above 0, got 0"),
        ({"lr": float("nan")}, ValueError, "lr must be finite and above 0, got nan"),
        ({"warmup": 2}, ValueError, "warmup must be between 0 and 1, got 2"),
        ({"schedule": "step"}, ValueError, "schedule must be one of 'cosine', 'linear'"),
        ({"batch_size": True}, TypeError, "batch_size must be an int, got True"),
        ({"patience": 1}, ValueError, "patience must be None without validation, got 1"),
        ({"lora": 16}, TypeError, "lora must be a LoRA or None, got 16"),
        ({"autocast": "float16"}, ValueError, "autocast must be one of None, 'bfloat16'"),
        ({"format": "nothing"}, ValueError, "format must be one of"),
        ({"format": small.TOKENS}, ValueError, "model must be one that classifies tokens"),
        ({"model": 3}, TypeError, "model must be a model of transformers, got 3"),
        ({"use_tqdm": 1}, TypeError, "use_tqdm must be a bool, got 1"),
    ],
)
def test_arguments_that_do_not_fit_are_refused(
    changed: dict[str, Any], error: type[Exception], message: str
) -> None:
    given: dict[str, Any] = {"model": small.llama(), "examples": small.EXAMPLES} | FEW
    given |= {"tokenizer": small.TOKENIZER} | changed
    if given["model"] != 3 and "max_length" not in changed:
        given["model"].config.num_labels = 5
    with pytest.raises(error, match=message):
        train(**given)


def test_a_classifier_is_refused_for_a_format_of_label_tokens() -> None:
    with pytest.raises(ValueError, match="model must be a causal language model for versaprm"):
        train(small.token_classifier(), small.TOKENIZER, small.EXAMPLES, **FEW)


def test_a_format_that_reads_the_whole_is_refused() -> None:
    with pytest.raises(ValueError, match="format must be one that reads label tokens or"):
        train(small.llama(), small.TOKENIZER, small.EXAMPLES[4:5], format="outcome", **FEW)


def test_a_model_without_trained_weights_is_refused() -> None:
    model = small.llama().requires_grad_(False)
    with pytest.raises(ValueError, match="model must have a parameter that requires a gradient"):
        train(model, small.TOKENIZER, small.EXAMPLES, **FEW)


@pytest.mark.parametrize("lora", [None, LoRA(rank=4)])
def test_a_trained_model_is_scored_as_it_was_validated(lora: LoRA | None) -> None:
    if lora is not None:
        pytest.importorskip("peft")
    examples, validation = separable(60, 0), separable(20, 1)
    history = train(
        small.llama(),
        small.TOKENIZER,
        examples,
        validation=validation,
        lora=lora,
        steps=5,
        lr=0.01,
        first_error=False,
        use_tqdm=False,
    )
    scorer = RewardModel(history.model, small.TOKENIZER)
    found = scorer.score(
        [each.question for each in validation], [[each.steps] for each in validation]
    )
    scores = np.concatenate([np.concatenate(each) for each in found])
    labels = np.concatenate([each.labels for each in validation])
    loss = -np.log(np.where(labels, scores, 1 - scores)).mean()
    assert loss == pytest.approx(history.validations[-1].loss, abs=1e-9)
    assert step_auc(scores, labels) == history.validations[-1].auc


def test_labels_of_one_kind_have_no_auc() -> None:
    good = [Example("q", ["a"], [True])]
    history = train(small.llama(), small.TOKENIZER, good, validation=good, **FEW)
    assert history.validations[0].auc is None


def test_a_history_is_drawn_and_read_back(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    validations = [Validation(1, 0.6, None), Validation(3, 0.5, 0.75)]
    history = History([0.7, 0.6, 0.5], [1.0, 0.5, 0.1], validations, {"too_long": 1}, True)
    assert History.from_json(history.to_json()) == history
    history.plot(tmp_path / "loss.png")
    assert (tmp_path / "loss.png").stat().st_size > 5000
    with pytest.raises(ValueError, match=r"path must be a name in \.png"):
        history.plot(tmp_path / "loss.txt")
    with pytest.raises(ValueError, match="losses must be at least one to draw"):
        History().plot(tmp_path / "none.png")
