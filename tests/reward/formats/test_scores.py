"""Scores of each family equal those of a plain reading, one candidate or one step a pass."""

from __future__ import annotations

import operator
from collections.abc import Callable
from functools import cache, reduce
from typing import Any

import pytest
import torch
from tests.reward.formats import vocabularies
from tests.reward.load.tiny import ProcessModel, ValueModel, build
from torch import Tensor
from transformers import (
    AutoModel,
    AutoModelForCausalLM,
    AutoModelForSequenceClassification,
    AutoModelForTokenClassification,
    BertConfig,
    LlamaConfig,
    MistralConfig,
    Qwen2Config,
)

from multibin.reward import RewardModel, formats

QUESTIONS = ["What is 1 + 1 ?", "So is 2 the answer ?"]
CANDIDATES = [
    [["It is 2 .", "So the answer is 2 ."], ["No ."], ["It is 2 .", "yes", "no", "So 1 ."]],
    [["yes yes ."], ["It is 2 .", "No . So no ."]],
]
SIZES = {"vocab_size": 600, "max_position_embeddings": 256}

Read = Callable[[Any, Any, str, list[str]], list[float]]


@cache
def vocabulary(name: str) -> Any:
    return {
        "llama": lambda: vocabularies.byte_level(),
        "qwen": lambda: vocabularies.byte_level(bos=False, template=vocabularies.QWEN),
        "mistral": vocabularies.sentencepiece,
        "bert": vocabularies.bert,
    }[name]()


def logits(model: Any, ids: list[int]) -> Tensor:
    with torch.inference_mode():
        found: Tensor = model(torch.tensor([ids]))[0][0]
    return found


def good(model: Any, ids: list[int], labels: list[int]) -> Tensor:
    """P(good) at every token."""
    return logits(model, ids)[:, labels].softmax(-1)[:, 1]


def versaprm(model: Any, tokenizer: Any, question: str, steps: list[str]) -> list[float]:
    mark = " \n\n\n\n"
    ids = tokenizer.encode(f"{question} \n\n" + "".join(step + mark for step in steps))
    end = tokenizer.encode(mark)[-1]
    labels = tokenizer.convert_tokens_to_ids(["-", "+"])
    scores = good(model, ids, labels)
    return [float(scores[at]) for at, token in enumerate(ids) if token == end]


def math_shepherd(model: Any, tokenizer: Any, question: str, steps: list[str]) -> list[float]:
    lines = [f"Step {number}: {step} ки" for number, step in enumerate(steps, 1)]
    ids = tokenizer.encode(f"{question} " + "\n".join(lines))
    scores = good(model, ids, tokenizer.convert_tokens_to_ids(["▁-", "▁+"]))
    tag = tokenizer.encode("ки")[-1]
    return [float(scores[at]) for at, token in enumerate(ids) if token == tag]


def rlhflow(model: Any, tokenizer: Any, question: str, steps: list[str]) -> list[float]:
    messages, scores = [], []
    labels = tokenizer.convert_tokens_to_ids(["-", "+"])
    for number, step in enumerate(steps):
        text = step if number else f"{question} {step}"
        messages += [{"role": "user", "content": text}, {"role": "assistant", "content": "+"}]
        whole = tokenizer.apply_chat_template(messages, tokenize=False)
        ids = tokenizer.encode(whole, add_special_tokens=False)
        scores.append(float(good(model, ids, labels)[-3]))
    return scores


def qwen_prm(model: Any, tokenizer: Any, question: str, steps: list[str]) -> list[float]:
    messages = [
        {"role": "system", "content": formats.qwen_prm.__defaults__[0]},  # type: ignore[index]
        {"role": "user", "content": question},
        {"role": "assistant", "content": "<extra_0>".join(steps) + "<extra_0>"},
    ]
    ids = tokenizer.encode(tokenizer.apply_chat_template(messages, tokenize=False))
    with torch.inference_mode():
        scores = model.score(logits(model.model, ids)).softmax(-1)[:, 1]
    separator = tokenizer.convert_tokens_to_ids("<extra_0>")
    return [float(scores[at]) for at, token in enumerate(ids) if token == separator]


def in_lines(tokenizer: Any, prompt: str, steps: list[str]) -> tuple[list[int], list[int]]:
    """Ids of prompt, steps and line breaks, each encoded alone, and where the steps end."""
    ids, ends = tokenizer.encode(prompt), []
    for step in steps:
        ids += tokenizer.encode(step, add_special_tokens=False)
        ids += tokenizer.encode("\n", add_special_tokens=False)
        ends.append(len(ids) - 1)
    return ids, ends


def skywork(model: Any, tokenizer: Any, question: str, steps: list[str]) -> list[float]:
    ids, ends = in_lines(tokenizer, f"{question}\n", steps)
    with torch.inference_mode():
        values = model.v_head.summary(logits(model.pretrained_model.model, ids))[:, 0].sigmoid()
    return [float(values[end]) for end in ends]


def trl(model: Any, tokenizer: Any, question: str, steps: list[str]) -> list[float]:
    ids, ends = in_lines(tokenizer, question, steps)
    scores = logits(model, ids).softmax(-1)[:, 1]
    return [float(scores[end]) for end in ends]


def outcome(model: Any, tokenizer: Any, question: str, steps: list[str]) -> list[float]:
    messages = [
        {"role": "user", "content": question},
        {"role": "assistant", "content": "\n\n".join(steps)},
    ]
    text = tokenizer.apply_chat_template(messages, tokenize=False)
    return [float(logits(model, tokenizer.encode(text, add_special_tokens=False)))]


def cross_encoder(model: Any, tokenizer: Any, question: str, steps: list[str]) -> list[float]:
    with torch.inference_mode():
        pair = tokenizer(question, "\n\n".join(steps), return_tensors="pt")
        return [float(model(**pair)[0])]


def verdict(model: Any, tokenizer: Any, question: str, steps: list[str]) -> list[float]:
    answer = "\n\n".join(steps)
    ids = tokenizer.encode(
        f"Question: {question}\n\nAnswer: {answer}\n\nIs the answer correct (Yes or No)?"
    )
    labels = tokenizer.convert_tokens_to_ids(["ĠNo", "ĠYes"])
    return [float(good(model, ids, labels)[-1])]


def causal(config: Any) -> Any:
    return build(AutoModelForCausalLM, config, **SIZES)


FAMILIES: dict[str, tuple[str, str, Callable[[], Any], Read]] = {
    "versaprm": ("versaprm", "llama", lambda: causal(LlamaConfig), versaprm),
    "math-shepherd": ("math-shepherd", "mistral", lambda: causal(MistralConfig), math_shepherd),
    "rlhflow": ("rlhflow", "llama", lambda: causal(LlamaConfig), rlhflow),
    "qwen-prm": (
        "qwen-prm",
        "qwen",
        lambda: ProcessModel(build(AutoModel, Qwen2Config, **SIZES)),
        qwen_prm,
    ),
    "skywork": ("skywork", "llama", lambda: ValueModel(causal(Qwen2Config)), skywork),
    "trl": (
        "trl",
        "llama",
        lambda: build(AutoModelForTokenClassification, Qwen2Config, num_labels=2, **SIZES),
        trl,
    ),
    "outcome": (
        "outcome",
        "llama",
        lambda: build(AutoModelForSequenceClassification, LlamaConfig, num_labels=1, **SIZES),
        outcome,
    ),
    "cross-encoder": (
        "outcome",
        "bert",
        lambda: build(AutoModelForSequenceClassification, BertConfig, num_labels=1, **SIZES),
        cross_encoder,
    ),
    "verdict": ("verdict", "llama", lambda: causal(LlamaConfig), verdict),
}


@pytest.mark.parametrize("family", FAMILIES)
def test_scores_are_those_of_the_reference(family: str) -> None:
    name, tokenizer_name, model_of, read = FAMILIES[family]
    tokenizer, model = vocabulary(tokenizer_name), model_of().double()
    expected: list[list[list[float]]] = [
        [read(model, tokenizer, question, steps) for steps in candidates]
        for question, candidates in zip(QUESTIONS, CANDIDATES, strict=True)
    ]
    found: list[list[Any]] = RewardModel(model, tokenizer, format=name).score(QUESTIONS, CANDIDATES)
    for scores, wanted in zip(
        reduce(operator.iadd, found, []), reduce(operator.iadd, expected, []), strict=True
    ):
        assert len(scores) == len(wanted)
        assert scores.tolist() == pytest.approx(wanted, abs=1e-9, rel=0)
    # The reading is not one that any text would give.
    assert (
        len({round(score, 9) for scores in reduce(operator.iadd, expected, []) for score in scores})
        > 3
    )
