"""One model with its KV cache: what runs passes, and lives as long as the engine."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager

import torch
from torch import Tensor

from multibin.llm._engine.arena import Arena
from multibin.llm._engine.budgets import Budgets
from multibin.llm._engine.decode import Decode, MaskedDecode, OwnDecode
from multibin.llm._engine.layout import CacheLayout
from multibin.llm._engine.memory import Memory
from multibin.llm._engine.prompts import Chunk, PackedPrompts, PaddedPrompts
from multibin.llm._engine.rows import Row
from multibin.llm._engine.size_classes import ALIGNMENT, Traffic, aligned, geometric
from multibin.llm._engine.states import RowStates
from multibin.llm._load.architecture import UNBOUNDED
from multibin.llm._load.eval_mode import eval_mode
from multibin.llm._load.hf import attention_installed
from multibin.llm._load.models import Model

SHORTEST = 32
"""The smallest capacity before anything is known of the traffic."""

ENOUGH = 256
"""Ended requests from which the size classes follow the traffic, not the lengths of a call."""

ENDLESS = 2**20
"""The most positions of a row where the model sets no end (ALiBi, recurrent models)."""


class Executor:
    """Runs prompt passes and decode steps over rows of the arena."""

    def __init__(self, model: Model, layout: CacheLayout, budgets: Budgets) -> None:
        self.model = model
        budget = budgets.of(layout)
        most = budget.device // layout.position_bytes
        context = ENDLESS if model.context == UNBOUNDED else aligned(model.context)
        longest = min(context, most // ALIGNMENT * ALIGNMENT)
        classes = geometric(min(SHORTEST, longest), longest)
        self.arena = Arena(layout, 0 if budget.grows else most, classes)
        self.memory = Memory(self.arena, budget)
        self.traffic = Traffic(longest)
        self.longest = longest
        """The most positions of a row: the context, or what the memory holds."""
        self._prompts: PackedPrompts | PaddedPrompts
        self._decode: Decode
        self._states: RowStates | None = None
        if model.attends:
            prompts, decode = PackedPrompts(model, self.arena), OwnDecode(model, self.arena)
            self._prompts, self._decode = prompts, decode
            if model.keeps_state:
                self._states = RowStates(model, prompts, decode)
        else:
            self._prompts, self._decode = (
                PaddedPrompts(model, self.arena),
                MaskedDecode(model, self.arena),
            )

    @contextmanager
    def running(self) -> Iterator[None]:
        """Keeps the model ready to run in this thread."""
        with ExitStack() as stack:
            stack.enter_context(eval_mode(self.model.module))
            stack.enter_context(torch.inference_mode())
            if self.model.attends:
                stack.enter_context(attention_installed(self.model.module))
            yield

    def expect(self, shortest: int, longest: int) -> None:
        """Chooses size classes for rows of these lengths, or for the traffic so far."""
        longest = min(longest, self.longest)
        if self.traffic.requests < ENOUGH or self.arena.classes.longest < longest:
            self.arena.classes = geometric(min(shortest, longest), self._up(longest))

    def observe(self, prompt: int, output: int) -> None:
        """Counts an ended request, and lets the size classes follow where that saves positions."""
        self.traffic.observe(prompt, output)
        if better := self.traffic.refit(self.arena.classes):
            self.arena.classes = better

    def check_fits(self, prompt: int, budget: int, name: str) -> None:
        """Checks that a row can have a slot for a prompt and what it may generate, alone.

        Args:
            prompt: tokens of the prompt.
            budget: the most tokens that it may generate.
            name: what the error calls the prompt.

        Raises:
            ValueError: the memory for keys and values is too small.
        """
        needed, most = prompt + budget - 1, self.memory.most
        if needed > most:
            size = self.arena.layout.position_bytes
            raise ValueError(
                f"{name}, of {prompt} tokens, may generate {budget}: it needs {needed} positions "
                f"of the KV cache ({needed * size} bytes), and there are {most} "
                f"({most * size} bytes). Lower max_tokens or raise kv_cache_memory"
            )

    def lack(self, positions: int) -> MemoryError:
        """Returns the error of a row that has no slot although no other has one."""
        size = self.arena.layout.position_bytes
        return MemoryError(
            f"a row needs {positions * size} bytes of the KV cache, which has "
            f"{self.arena.space.size * size} and cannot grow, for lack of memory"
        )

    def _up(self, longest: int) -> int:
        return min(aligned(longest), self.longest)

    def prompts(self, chunks: Sequence[Chunk], *, every: bool = False) -> Tensor:
        """Runs chunks of prompts: the logits behind each, or with `every` behind each token."""
        logits = self._prompts(chunks, every=every)
        if self._states is not None and chunks[0].row is not None:
            self._states.computed(chunks[0].row)
        return logits

    def arrange(self, rows: Sequence[Row]) -> None:
        """Brings running rows together, so that few calls of attention serve them."""
        self.memory.arrange(rows, uniform=not self.model.attends)

    def load(self, rows: Sequence[Row], tokens: Sequence[int]) -> None:
        """Sets the rows that decode, in order of their slots, and the token to feed to each."""
        slots = [row.slot for row in rows if row.slot is not None]
        self._decode.load(slots, [row.cached for row in rows], tokens)
        if self._states is not None:
            self._states.load(rows)

    def decode(self) -> Tensor:
        """Decodes a step and returns the logits behind each row, [rows, vocab]."""
        return self._decode.logits()

    def feed(self, tokens: Tensor) -> None:
        """Sets the tokens of the next step, [rows]."""
        self._decode.feed(tokens)
