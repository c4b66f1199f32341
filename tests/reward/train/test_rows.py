"""Which steps are read, which are trained on, and which examples are left out."""

from __future__ import annotations

from typing import Any

import pytest
from tests.reward.train import small

from multibin.reward._formats import encode, format_of
from multibin.reward.train import Example, train
from multibin.reward.train._rows import Row, rows_of
from multibin.reward.train._settings import Settings

VERSAPRM = format_of("versaprm")


def settings(**changed: Any) -> Settings:
    """Returns settings of a plain run."""
    plain: dict[str, Any] = {
        "epochs": 1,
        "steps": None,
        "batch_size": 2,
        "accumulate": 2,
        "lr": None,
        "warmup": 0.1,
        "weight_decay": 0.0,
        "schedule": "cosine",
        "clip": None,
        "max_length": None,
        "first_error": True,
        "outcome": False,
        "seed": 0,
        "lora": None,
        "patience": None,
        "evaluate_every": None,
        "autocast": None,
    }
    return Settings(**(plain | changed))


def row(example: Example, **changed: Any) -> Row:
    """Returns the only row of an example."""
    found = rows_of("examples", [example], VERSAPRM, small.TOKENIZER, settings(**changed), None)
    return found.kept[0]


def test_what_follows_the_first_bad_step_is_not_read() -> None:
    found = row(Example("q", ["a", "b", "c"], [True, False, True]))
    expected = encode(VERSAPRM, small.TOKENIZER, "q", ["a", "b"])
    assert found.ids.tolist() == expected.ids
    assert found.ends.tolist() == expected.ends
    assert found.labels.tolist() == [1, 0]


def test_every_label_counts_without_first_error() -> None:
    found = row(Example("q", ["a", "b", "c"], [True, False, True]), first_error=False)
    assert found.labels.tolist() == [1, 0, 1]


def test_steps_without_label_are_read_and_not_trained_on() -> None:
    found = row(Example("q", ["a", "b", "c"], [None, True, None]))
    whole = encode(VERSAPRM, small.TOKENIZER, "q", ["a", "b", "c"])
    assert found.ends.tolist() == [whole.ends[1]]
    assert found.ids.tolist() == whole.ids[: whole.ends[1] + 1]


def test_long_and_unlabelled_examples_are_left_out_and_counted() -> None:
    examples = [*small.EXAMPLES, Example("q", ["x" * 50], [True]), Example("q", ["a"], [None])]
    history = train(
        small.llama(), small.TOKENIZER, examples, max_length=50, steps=1, use_tqdm=False
    )
    assert history.dropped == {"too_long": 1, "unlabelled": 1}


def test_length_counts_what_is_read() -> None:
    examples = [Example("q", ["bad", "x" * 500], [False, True])]
    history = train(small.llama(), small.TOKENIZER, examples, steps=1, use_tqdm=False)
    assert history.dropped == {"too_long": 0, "unlabelled": 0}


def test_ids_in_place_of_strings_are_read_as_they_are() -> None:
    plain = row(Example("q", ["a"], [True]))
    ids = row(Example([113], [[97]], [True]))
    assert ids.ids.tolist() == plain.ids.tolist()


@pytest.mark.parametrize(
    ("question", "steps", "labels", "error", "message"),
    [
        ("q", [], [], ValueError, "steps must be at least one"),
        ("q", ["a"], [True, False], ValueError, "2 labels for 1 steps"),
        ("q", ["a", "  "], [True, True], ValueError, r"steps\[1\] must be a step that is not"),
        ("q", ["a", []], [True, True], ValueError, r"steps\[1\] must be a step that is not"),
        ("q", ["a"], [1], TypeError, r"labels\[0\] must be True, False or None, got 1"),
        ("q", "ab", [True, True], TypeError, "steps must be a sequence, got 'ab'"),
        (3, ["a"], [True], TypeError, "question must be a string or token ids, got 3"),
        ("q", [None], [True], TypeError, r"steps\[0\] must be a string or token ids"),
    ],
)
def test_examples_that_do_not_fit_are_refused(
    question: Any, steps: Any, labels: Any, error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        Example(question, steps, labels)
