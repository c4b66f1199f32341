"""The loop of a training run: optimiser steps, validations, checkpoints."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from tqdm import tqdm

from multibin.llm._engine.interrupts import Interrupts
from multibin.reward.train._checkpoint import Store, copied, restore
from multibin.reward.train._history import History
from multibin.reward.train._measure import validate
from multibin.reward.train._readout import Readout
from multibin.reward.train._rows import Row
from multibin.reward.train._schedule import drawn, passes, rate
from multibin.reward.train._settings import Settings

__all__ = ["Run", "optimiser_of", "seeded"]


@dataclass
class Run:
    """Holds the state of a run."""

    readout: Readout
    rows: list[Row]
    validation: list[Row]
    settings: Settings
    optimiser: torch.optim.Optimizer
    history: History
    store: Store | None
    best: dict[str, Tensor] | None = None
    """Weights of the best validation; kept where early stopping is on."""

    @property
    def model(self) -> Any:
        """The model that is trained."""
        return self.readout.model

    @property
    def total(self) -> int:
        """The optimiser steps of the whole run."""
        return self.settings.total(len(self.rows))

    def go(self, use_tqdm: bool) -> None:
        """Runs to the end, and leaves the best weights in the model if early stopping is on."""
        was_training = self.model.training
        try:
            with Interrupts() as interrupts, self._bar(use_tqdm) as bar:
                while self.history.steps < self.total and not self.history.stopped_early:
                    self._advance()
                    bar.set_postfix(loss=f"{self.history.losses[-1]:.4f}", refresh=False)
                    bar.update()
                    self._check(interrupts)
        finally:
            self.model.train(was_training)
        if self.best is not None:
            restore(self.model, self.best)

    def resume(self) -> None:
        """Takes the state of the checkpoint, if there is one."""
        state = None if self.store is None else self.store.load()
        if state is None:
            return
        restore(self.model, state["weights"])
        self.optimiser.load_state_dict(state["optimiser"])
        self.history = replace(History.from_dict(state["history"]), model=self.history.model)
        self.best = state["best"]
        torch.set_rng_state(state["random"])
        if state["random_cuda"] is not None and torch.cuda.is_available():
            torch.cuda.set_rng_state(state["random_cuda"], self.model.device)

    def _bar(self, use_tqdm: bool) -> Any:
        start = self.history.steps
        return tqdm(total=self.total, initial=start, disable=not use_tqdm, unit="step")

    def _check(self, interrupts: Interrupts) -> None:
        """Raises a Ctrl-C that came during the step, with a checkpoint behind it."""
        try:
            interrupts.check()
        except KeyboardInterrupt:
            self._save()
            raise

    def _advance(self) -> None:
        self._step()
        done, every = self.history.steps, self.settings.evaluate_every
        if every is None:
            every = -(-len(self.rows) // self.settings.group)
        if done % every == 0 or done == self.total:
            self._evaluate()
            self._save()

    def _step(self) -> None:
        """Updates the weights by the gradient of one group of examples."""
        self.model.train()
        step = self.history.steps
        lr = rate(self.settings, step, self.total)
        for group in self.optimiser.param_groups:
            group["lr"] = lr
        loss = self._backward([self.rows[at] for at in drawn(self.settings, step, len(self.rows))])
        if not math.isfinite(loss):
            self.optimiser.zero_grad()
            raise FloatingPointError(
                f"loss must be finite, got {loss:g} at step {step} (lr {lr:g}); "
                "the weights are those before the step"
            )
        self._update()
        self.history.losses.append(loss)
        self.history.rates.append(lr)

    def _backward(self, rows: list[Row]) -> float:
        """Adds up the gradients of a group, and returns its mean loss of a labelled step."""
        # What the caller or a broken step has left would add up too.
        self.optimiser.zero_grad()
        count = sum(len(row.labels) for row in rows)
        loss = 0.0
        for batch in passes(rows, self.settings.batch_size):
            logits, classes = self.readout.logits(batch)
            part = cross_entropy(logits, classes, reduction="sum") / count
            torch.autograd.backward(part)
            loss += float(part.detach())
        return loss

    def _update(self) -> None:
        if self.settings.clip is not None:
            weights = [each for each in self.model.parameters() if each.grad is not None]
            nn.utils.clip_grad_norm_(weights, self.settings.clip)
        self.optimiser.step()
        self.optimiser.zero_grad()

    def _evaluate(self) -> None:
        if not self.validation:
            return
        history, patience = self.history, self.settings.patience
        found = validate(self.readout, self.validation, self.settings.batch_size, history.steps)
        if not math.isfinite(found.loss):
            raise FloatingPointError(
                f"validation loss must be finite, got {found.loss:g} at step {history.steps}"
            )
        history.validations.append(found)
        if patience is not None:
            if history.since_best == 0:
                self.best = copied(self.model)
            history.stopped_early = history.since_best >= patience

    def _save(self) -> None:
        if self.store is None:
            return
        cuda = self.model.device.type == "cuda"
        state = {
            "weights": copied(self.model),
            "optimiser": self.optimiser.state_dict(),
            "history": self.history.to_dict(),
            "best": self.best,
            "random": torch.get_rng_state(),
            "random_cuda": torch.cuda.get_rng_state(self.model.device) if cuda else None,
        }
        self.store.save(state, self.history.to_json())


def optimiser_of(model: nn.Module, settings: Settings) -> torch.optim.Optimizer:
    """Returns AdamW over the weights that are trained; vectors, such as biases, do not decay.

    Raises:
        ValueError: no weight is trained.
    """
    weights = [each for each in model.parameters() if each.requires_grad]
    if not weights:
        raise ValueError("model must have a parameter that requires a gradient, got none")
    groups = [
        {
            "params": [each for each in weights if each.dim() > 1],
            "weight_decay": settings.weight_decay,
        },
        {"params": [each for each in weights if each.dim() <= 1], "weight_decay": 0.0},
    ]
    return torch.optim.AdamW([group for group in groups if group["params"]], lr=settings.peak)


@contextmanager
def seeded(seed: int, device: torch.device) -> Iterator[None]:
    """Seeds torch's generators inside, and leaves the caller's as they were."""
    devices = [device] if device.type == "cuda" else []
    with torch.random.fork_rng(devices=devices):
        torch.manual_seed(seed)
        yield
