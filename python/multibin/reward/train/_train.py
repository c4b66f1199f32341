"""Trains a reward model on labelled steps."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import torch
from torch import nn

from multibin._args import boolean, sentence
from multibin.llm._load import hf
from multibin.llm._load.placement import check_device, check_dtype, placed
from multibin.reward._formats import Format, format_of
from multibin.reward.train._adapters import attach
from multibin.reward.train._checkpoint import Store, store_of
from multibin.reward.train._examples import Example, check_examples
from multibin.reward.train._frozen import frozen_digest
from multibin.reward.train._history import History
from multibin.reward.train._readout import fitting, readout_of
from multibin.reward.train._rows import Rows, rows_of
from multibin.reward.train._run import Run, optimiser_of, seeded
from multibin.reward.train._settings import LoRA, Settings

__all__ = ["train"]


def train(
    model: Any,
    tokenizer: Any,
    examples: Iterable[Example],
    *,
    format: str | Format = "versaprm",
    validation: Iterable[Example] | None = None,
    epochs: int | None = None,
    steps: int | None = None,
    batch_size: int = 8,
    accumulate: int = 4,
    lr: float | None = None,
    warmup: float = 0.1,
    weight_decay: float = 0.01,
    schedule: Literal["cosine", "linear", "constant"] = "cosine",
    clip: float | None = 1.0,
    max_length: int | None = None,
    first_error: bool = True,
    outcome: bool = False,
    seed: int = 0,
    lora: LoRA | None = None,
    patience: int | None = None,
    evaluate_every: int | None = None,
    folder: str | Path | None = None,
    device: str | torch.device | None = None,
    dtype: str | torch.dtype | None = None,
    autocast: Literal["bfloat16"] | None = None,
    use_tqdm: bool = True,
) -> History:
    """Trains `model` in place to tell good steps from bad ones, and returns what happened.

    The loss is the cross-entropy between the two label columns of a format, at the end of each
    labelled step. It is summed and divided by the labelled steps of an optimiser step. The defaults
    are VersaPRM's recipe (arXiv 2502.06737, appendix D.2), except for `max_length`, 750 there.

    The optimiser is AdamW. Batches are shuffled, padded on the right, and of similar length within
    an optimiser step. On the CPU a seed decides the weights, bit by bit. In a `folder` with a
    checkpoint, the call continues the run as if it had never ended: pass the model as it was before
    training. A first Ctrl-C ends the run after the current optimiser step: the checkpoint is
    written, then `KeyboardInterrupt` is raised.

    >>> from multibin.llm._load.tiny import ByteTokenizer, tiny_model
    >>> from multibin.reward.train import Example, train
    >>> examples = [Example("1 + 1?", ["2"], [True]), Example("1 + 1?", ["3"], [False])]
    >>> model, tokenizer = tiny_model(), ByteTokenizer()
    >>> history = train(model, tokenizer, examples, steps=20, lr=1e-3, use_tqdm=False)
    >>> history.losses[-1] < history.losses[0]
    True

    Args:
        model: a causal language model of transformers, or one that classifies tokens.
        tokenizer: of the model.
        examples: what is trained on.
        format: how the model reads a step, by name or as an object.
        validation: examples for loss and AUC; None: no validation.
        epochs: times that each example is seen, at least 1; None: once.
        steps: optimiser steps, in place of `epochs`.
        batch_size: examples of a forward pass.
        accumulate: forward passes of an optimiser step.
        lr: the highest learning rate; None: 1e-4 with `lora`, else 1e-5.
        warmup: share of the steps in which the learning rate rises, 0 to 1.
        weight_decay: of AdamW, for matrices.
        schedule: how the learning rate falls after the warm-up.
        clip: the largest norm of the gradient; None: no limit.
        max_length: the most tokens of an example; longer ones are left out and counted. None: the
            context of the model.
        first_error: whether what follows the first bad step is left out.
        outcome: whether the last step of an example alone is trained on, as in an outcome model.
            Its label then says whether the answer is right, and `first_error` has no effect.
        seed: of the order of examples, of dropout and of new adapters.
        lora: trains new adapters in place of all weights. `save_pretrained` of the history's
            `model` saves them.
        patience: validations without a lower loss after which the run ends. The weights of the best
            one are put back. None: the run goes on to its end, and keeps its last weights.
        evaluate_every: optimiser steps between validations, and between checkpoints; None: an
            epoch.
        folder: of the checkpoint `training.pt` and of `history.json`; None: nothing is written.
        device: where the model is moved; None: it stays.
        dtype: to which the weights are cast; None: they stay.
        autocast: dtype of matrix products; the loss stays in float32.
        use_tqdm: whether to show a progress bar.

    Raises:
        TypeError, ValueError: an argument out of range, no example with a label that is short
            enough, or a model or checkpoint that does not fit.
        FloatingPointError: the loss is not finite.
        KeyboardInterrupt: a Ctrl-C came.
        ModuleNotFoundError: `lora` without peft.
    """
    settings = Settings(
        epochs=epochs,
        steps=steps,
        batch_size=batch_size,
        accumulate=accumulate,
        lr=lr,
        warmup=warmup,
        weight_decay=weight_decay,
        schedule=schedule,
        clip=clip,
        max_length=max_length,
        first_error=first_error,
        outcome=outcome,
        seed=seed,
        lora=lora,
        patience=patience,
        evaluate_every=evaluate_every,
        autocast=autocast,
    )
    module = _placed(model, device, dtype)
    form, longest = format_of(format), _longest(module, settings)
    reading = _Reading(form, tokenizer, settings, longest, fitting(module, form, tokenizer))
    rows = reading.rows("examples", examples)
    held = None if validation is None else reading.rows("validation", validation)
    if patience is not None and held is None:
        raise ValueError(sentence("patience", "None without validation", patience))
    with seeded(seed, hf.device(module)):
        run = _run(module, reading, rows, held, folder)
        run.resume()
        run.go(boolean("use_tqdm", use_tqdm))
    return run.history


@dataclass(frozen=True)
class _Reading:
    """How examples become what the model reads."""

    format: Format
    tokenizer: Any
    settings: Settings
    longest: int | None
    columns: list[int]

    def rows(self, name: str, examples: Iterable[Example]) -> Rows:
        """Returns the rows of examples."""
        found = check_examples(name, examples)
        return rows_of(name, found, self.format, self.tokenizer, self.settings, self.longest)


def _placed(model: Any, device: str | torch.device | None, dtype: str | torch.dtype | None) -> Any:
    """Returns the model, moved and cast in place."""
    if not isinstance(model, nn.Module) or not hasattr(model, "config"):
        raise TypeError(sentence("model", "a model of transformers", model))
    return placed(model, check_device(device), check_dtype(dtype))


def _longest(model: Any, settings: Settings) -> int | None:
    """Returns the most tokens of a row: `max_length` or the context, None for neither."""
    config = model.config.get_text_config()
    context: int | None = getattr(config, "max_position_embeddings", None)
    if settings.max_length is None or context is None:
        return settings.max_length or context
    if settings.max_length > context:
        rule = f"at most the context of the model, {context}"
        raise ValueError(sentence("max_length", rule, settings.max_length))
    return settings.max_length


def _run(
    model: Any, reading: _Reading, rows: Rows, held: Rows | None, folder: str | Path | None
) -> Run:
    """Returns the run at its start, with adapters on the model if they are wanted."""
    settings = reading.settings
    adapted = model if settings.lora is None else attach(model, settings.lora, reading.format)
    return Run(
        readout_of(model, reading.format, reading.columns, settings.autocast),
        rows.kept,
        [] if held is None else held.kept,
        settings,
        optimiser_of(model, settings),
        History(dropped=_dropped(rows, held), model=adapted),
        _store(folder, model, settings, rows, held),
    )


def _store(
    folder: str | Path | None, model: nn.Module, settings: Settings, rows: Rows, held: Rows | None
) -> Store | None:
    return None if folder is None else store_of(folder, _identity(model, settings, rows, held))


def _dropped(rows: Rows, held: Rows | None) -> dict[str, int]:
    found = {"too_long": rows.too_long, "unlabelled": rows.unlabelled}
    if held is not None:
        found["validation_too_long"] = held.too_long
        found["validation_unlabelled"] = held.unlabelled
    return found


def _identity(
    model: nn.Module, settings: Settings, rows: Rows, held: Rows | None
) -> dict[str, Any]:
    """Returns what a checkpoint must share with the run that continues it.

    Trained weights count by their shapes: the checkpoint has their values.
    """
    shapes = {
        name: [str(each.dtype), *each.shape]
        for name, each in model.named_parameters()
        if each.requires_grad
    }
    return {
        **settings.as_dict(),
        "model": shapes,
        "frozen weights": frozen_digest(model),
        "examples": rows.digest,
        "validation": None if held is None else held.digest,
    }
