"""The reward models: what each is trained on, its training, and its scores.

One `RewardModel` serves three kinds. A process model has a value at the end of each step. An
outcome model has one at the end of the last step. A verdict model is asked whether the text is
right.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import cycle, islice
from pathlib import Path
from typing import Any, Literal, TypeAlias

import torch

import multibin as mb
from examples.reward_domains.domains import DOMAINS, Domain
from examples.reward_domains.measure import Asked, Scores
from examples.reward_domains.solver import answer, pose, solve
from examples.reward_domains.words import small_llama, word_tokenizer
from multibin.reward import Format, Mark
from multibin.reward.train import Example, History, train

Kind: TypeAlias = Literal["process", "outcome", "verdict"]

LEARNING_RATE = 2e-3


@dataclass(frozen=True)
class Plan:
    """A reward model to train.

    Args:
        name: of tables.
        kind: where the model has its values.
        domains: names of what it is trained on, in turn; one that stands twice has two turns.
        examples: candidates that it is trained on.
        steps: optimiser steps of 32 candidates.
        seed: of the weights, the examples and their order.
        folder: of the checkpoint; None: nothing is kept.
    """

    name: str
    kind: Kind
    domains: tuple[str, ...]
    examples: int
    steps: int
    seed: int
    folder: Path | None = None


@dataclass(frozen=True)
class Result:
    """The scores of a trained model, and how its training went."""

    name: str
    history: History
    scores: list[Scores]
    """One entry a seed of the candidates."""


def plans(examples: int, steps: int, seed: int, folder: Path | None = None) -> list[Plan]:
    """Returns the models of a comparison, equal in steps and in examples.

    Those of all domains have three sevenths of arithmetic, as VersaPRM starts from a model of
    mathematics, and a seventh of each other domain.
    """
    everything = ("arithmetic", "arithmetic", *(domain.name for domain in DOMAINS))
    shared = (examples, steps, seed)
    found = [
        Plan("all domains", "process", everything, *shared),
        Plan("arithmetic only", "process", ("arithmetic",), *shared),
        Plan("outcome", "outcome", everything, *shared),
        Plan("verdict", "verdict", everything, *shared),
    ]
    if folder is None:
        return found
    return [replace(plan, folder=folder / f"{plan.name} {seed}") for plan in found]


def run(plan: Plan, asked: Sequence[Sequence[Asked]]) -> Result:
    """Trains a model and scores candidates, on one thread.

    Args:
        plan: of the model.
        asked: the questions with their candidates, a list for each seed of the candidates.
    """
    torch.set_num_threads(1)
    model, tokenizer = small_llama(plan.seed), word_tokenizer()
    history = train(
        model,
        tokenizer,
        _examples(plan, plan.examples, plan.seed),
        format=_format(plan),
        validation=_examples(plan, min(400, plan.examples), plan.seed + 1_000_000),
        steps=plan.steps,
        batch_size=32,
        accumulate=1,
        lr=LEARNING_RATE,
        warmup=0.05,
        first_error=False,
        outcome=plan.kind == "outcome",
        seed=plan.seed,
        evaluate_every=200,
        folder=plan.folder,
        use_tqdm=False,
    )
    scorer = mb.RewardModel(model, tokenizer, format=_format(plan))
    return Result(plan.name, history, [_scores(scorer, plan, each) for each in asked])


def _format(plan: Plan) -> str | Format:
    if plan.kind == "verdict":
        return Format("right or not", _asks, separator=None)
    return "versaprm"


def _asks(_: Any, question: Any, steps: Any) -> list[str | Mark]:
    """Returns the text of a verdict: the value is read behind the word "right"."""
    return [f"{question} ; {steps[0]} ; right", Mark()]


def _examples(plan: Plan, count: int, seed: int) -> list[Example]:
    """Returns labelled candidates, one a question, from the domains in turn."""
    rng = random.Random(seed)
    known = {domain.name: domain for domain in DOMAINS}
    domains = cycle(known[name] for name in plan.domains)
    return [_example(plan, rng, domain) for domain in islice(domains, count)]


def _example(plan: Plan, rng: random.Random, domain: Domain) -> Example:
    posed = pose(domain, rng)
    candidate = solve(posed, rng)
    question, steps = posed.problem.question, _read(plan, candidate.steps)
    if plan.kind == "process":
        return Example(question, steps, candidate.labels)
    right = answer(domain, "\n\n".join(candidate.steps)) == posed.correct
    return Example(question, steps, [None] * (len(steps) - 1) + [right])


def _read(plan: Plan, steps: Sequence[str]) -> list[str]:
    """Returns the steps that a model reads: a verdict takes the whole candidate as one."""
    return [" ; ".join(steps)] if plan.kind == "verdict" else list(steps)


def _scores(scorer: mb.RewardModel, plan: Plan, asked: Sequence[Asked]) -> Scores:
    """Returns the scores of each question's candidates; an outcome model's are the last alone."""
    questions = [one.posed.problem.question for one in asked]
    texts = [[_read(plan, each.steps) for each in one.candidates] for one in asked]
    found: Scores = scorer.score(questions, texts)
    if plan.kind == "process":
        return found
    return [[scores[-1:] for scores in one] for one in found]
