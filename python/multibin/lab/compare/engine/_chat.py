"""Lets a model answer the built-in prompts under every policy, each answer to its own end."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import multibin as mb
from multibin.lab.compare.engine._generate import generate
from multibin.lab.compare.engine._policies import FOR_CHAT, GENERATE, EnginePolicy, Fit
from multibin.lab.compare.engine._prompts import PROMPTS, SHOWN, mixed
from multibin.lab.compare.engine._result import EngineComparison, EngineResult, EngineRun, run_of
from multibin.lab.compare.engine._run import machine
from multibin.lab.compare.engine._settings import ChatSettings
from multibin.llm._engine.schedule import geometric_edges
from multibin.llm._load.load_by_name import load_by_name, threads
from multibin.llm._load.models import Model
from multibin.llm._load.tokenizers import Tokenizer, find_tokenizer
from multibin.llm._outputs import RequestOutput

__all__ = ["compare_chat"]

MOST_TEXT = 300
"""Characters of an answer that are kept."""


def compare_chat(
    settings: ChatSettings, say: Callable[[str], object] = lambda _: None
) -> EngineComparison:
    """Runs every policy ``repeats`` times, then ``generate`` of transformers.

    Decoding is greedy, in float32. The first policy's answers give the true lengths to the others.

    Args:
        settings: the model and the bins.
        say: called with a line for each thing that takes a while.

    Raises:
        ValueError: the model cannot be used, or has no tokenizer.

    >>> from multibin.lab.compare.engine import ChatSettings, compare_chat
    >>> compare_chat(ChatSettings("./no-such-folder"))
    Traceback (most recent call last):
    ValueError: model must be an existing folder or a hub id, got './no-such-folder'
    """
    with threads(settings.threads, small=False):
        say(f"loading {_title(settings)}")
        model, _ = load_by_name(settings.model, dtype="float32", gguf_file=settings.gguf_file)
        choice = find_tokenizer(settings.model, gguf_file=settings.gguf_file)
        if choice.tokenizer is None:
            raise ValueError(f"{settings.model} has no tokenizer{choice.missing}")
        chat = Chat(settings, model, choice.tokenizer, say)
        results = chat.run()
        return EngineComparison(chat.about(), results, chat.answers)


def _title(settings: ChatSettings) -> str:
    """Returns the model's name without folders."""
    return Path(settings.gguf_file or settings.model).name


class Chat:
    """One model, its prompts in the order of their arrival, and what the first policy found."""

    def __init__(
        self,
        settings: ChatSettings,
        model: Model,
        tokenizer: Tokenizer,
        say: Callable[[str], object],
    ) -> None:
        self.settings = settings
        self.answers: list[tuple[str, str]] = []
        """Some prompts and their answers."""
        self.lengths: NDArray[np.int64] | None = None
        """The tokens of the first policy's answers."""
        self._model = model
        self._tokenizer = tokenizer
        self._say = say
        self._texts = mixed(PROMPTS)
        self._prompts = [_encoded(tokenizer, text) for text in self._texts]
        edges = mb.Edges(geometric_edges(settings.bins, settings.max_tokens))
        self._fit = Fit(edges, edges)

    def run(self) -> list[EngineResult]:
        """Runs every policy in turn, the outside baseline last."""
        results = [EngineResult(policy) for policy in (*FOR_CHAT, GENERATE)]
        runs = self.settings.repeats * len(results)
        engines = [self._engine(policy) for policy in FOR_CHAT]
        # Warms up.
        self._generate(engines[0], self._prompts[:2], max_tokens=2)
        for number in range(runs):
            result = results[number % len(results)]
            self._say(f"run {number + 1} of {runs}: {result.policy.title}")
            if result.policy is GENERATE:
                run = self._generate_of_transformers()
            else:
                run = self._run(result.policy, engines[number % len(results)])
            result.runs.append(run)
        return results

    def about(self) -> str:
        """Returns the configuration in three lines."""
        lengths, settings = self.lengths, self.settings
        assert lengths is not None
        runs = "one run" if settings.repeats == 1 else f"medians of {settings.repeats} runs"
        return (
            f"{len(lengths)} prompts of a built-in list, all present at the start; greedy answers\n"
            f"output tokens: mean {lengths.mean():.1f}, longest {lengths.max()} of at most"
            f" {settings.max_tokens}; batch size {settings.batch_size}; {len(self._fit.edges)}"
            f" geometric bins\n"
            f"{_title(settings)}, float32; {machine(self._model.device)}; {runs}"
        )

    def _engine(self, policy: EnginePolicy) -> mb.LLM:
        options = policy.options(self._fit) | {"batch_size": self.settings.batch_size}
        return mb.LLM(self._model.module, self._tokenizer, **options)

    def _generate(
        self, engine: mb.LLM, prompts: Sequence[list[int]], max_tokens: int
    ) -> list[RequestOutput]:
        params = mb.SamplingParams(max_tokens=max_tokens, temperature=0.0)
        return engine.generate(prompts, params, use_tqdm=bool(sys.stderr and sys.stderr.isatty()))

    def _run(self, policy: EnginePolicy, engine: mb.LLM) -> EngineRun:
        outputs = self._generate(engine, self._prompts, self.settings.max_tokens)
        if self.lengths is None:
            self._keep(outputs)
        return run_of(policy, engine, self.settings.batch_size, outputs)

    def _keep(self, outputs: Sequence[RequestOutput]) -> None:
        """Keeps the lengths of the first answers, and some of the answers."""
        completions = [output.outputs[0] for output in outputs]
        self.lengths = np.array([len(one.token_ids) for one in completions], dtype=np.int64)
        texts = {prompt: one.text for prompt, one in zip(self._texts, completions, strict=True)}
        self.answers = [(prompt, _shortened(texts[prompt])) for prompt in SHOWN]

    def _generate_of_transformers(self) -> EngineRun:
        settings = self.settings
        return generate(self._model, self._prompts, settings.batch_size, settings.max_tokens)


def _encoded(tokenizer: Any, text: str) -> list[int]:
    """Returns the ids of a prompt in the form of a chat, or as it is without a chat template."""
    if not getattr(tokenizer, "chat_template", None):
        return list(tokenizer.encode(text))
    messages = [{"role": "user", "content": text}]
    ids = tokenizer.apply_chat_template(messages, add_generation_prompt=True, return_dict=True)
    return list(ids["input_ids"])


def _shortened(text: str) -> str:
    return text if len(text) <= MOST_TEXT else f"{text[:MOST_TEXT].rstrip()} …"
