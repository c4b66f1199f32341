"""Callables of a request that change its own row of logits."""

from __future__ import annotations

from collections.abc import Sequence
from inspect import signature

from torch import Tensor

from multibin._args import sentence
from multibin.llm._engine.sampling.rows import Sampled
from multibin.llm._params import LogitsProcessor


class Processors:
    """Runs each request's `logits_processors` on its row. They may wait for the device.

    An error is kept as the request's `error`, and the other rows go on.
    """

    def __init__(self, requests: Sequence[Sampled]) -> None:
        self._rows = [
            (row, request, [(one, _takes_prompt(one)) for one in request.params.logits_processors])
            for row, request in enumerate(requests)
            if request.params.logits_processors
        ]

    def __call__(self, logits: Tensor) -> None:
        """Changes logits [rows, vocab] in place."""
        for row, request, processors in self._rows:
            # A callable gets a copy: it may keep what it gets, or raise when half done.
            changed = logits[row].clone()
            try:
                for processor, takes_prompt in processors:
                    changed = _processed(processor, takes_prompt, request, changed)
            except Exception as error:
                request.error = request.error or error
            else:
                logits[row] = changed


def _processed(
    processor: LogitsProcessor, takes_prompt: bool, request: Sampled, logits: Tensor
) -> Tensor:
    prompt = [list(request.prompt_tokens)] if takes_prompt else []
    changed = processor(*prompt, list(request.tokens), logits)
    if not isinstance(changed, Tensor) or changed.shape != logits.shape:
        shown = list(changed.shape) if isinstance(changed, Tensor) else changed
        rule = f"a callable that returns logits of shape {list(logits.shape)}"
        raise ValueError(sentence("logits_processors", rule, shown))
    return changed


def _takes_prompt(processor: LogitsProcessor) -> bool:
    """Returns whether `processor` has three arguments, of which the first is the prompt."""
    try:
        return len(signature(processor).parameters) == 3
    except ValueError:
        # Compiled, and without a signature.
        return False
