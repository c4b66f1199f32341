"""Reads values at few positions: only the needed columns, in at least float32."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from threading import Lock, local
from typing import Protocol, TypeAlias, TypeGuard

import torch
from torch import Tensor, nn
from torch.nn.functional import linear

from multibin.llm._load import hf
from multibin.llm._load.models import Model

Run: TypeAlias = Callable[[], Tensor]
"""Feeds a model, and returns logits or hidden states, [rows, width, dim]."""

_PASS = local()
"""What the pass in this thread projects: `rows`, `columns` and the `shape` of its ids."""

_USERS: dict[int, int] = {}
"""How many scorers have cut a head, by the id of the module."""

_SETTING = Lock()


class Readout(Protocol):
    """Runs a model and returns values at some positions."""

    def __call__(self, run: Run, ids: Tensor, wanted: Tensor) -> Tensor:
        """Calls `run`, which feeds ids [rows, width], and returns values [wanted, columns].

        `wanted` are places in the flattened ids.
        """

    def installed(self) -> AbstractContextManager[None]:
        """Returns a context in which passes run."""
        ...


class HeadReadout:
    """Reads hidden states, which a head of few columns projects."""

    def __init__(self, head: Callable[[Tensor], Tensor]) -> None:
        self._head = head

    def installed(self) -> AbstractContextManager[None]:
        """Returns a context that does nothing: the head is called behind the model."""
        return nullcontext()

    def __call__(self, run: Run, ids: Tensor, wanted: Tensor) -> Tensor:  # noqa: ARG002
        """Returns the values of the head at some positions, [wanted, columns]."""
        return at_least_float32(self._head(run().flatten(0, 1)[wanted]))


class WholeReadout:
    """Reads what an encoder's classifier says: of each row as a whole, or of its tokens."""

    def installed(self) -> AbstractContextManager[None]:
        """Returns a context that does nothing."""
        return nullcontext()

    def __call__(self, run: Run, ids: Tensor, wanted: Tensor) -> Tensor:  # noqa: ARG002
        """Returns the logits of the rows, [rows, columns], or of the wanted tokens."""
        logits = run()
        # A classifier of tokens has logits for each.
        return at_least_float32(logits if logits.dim() == 2 else logits.flatten(0, 1)[wanted])


class VocabularyReadout:
    """Reads the logits of some tokens: the output embeddings project only those."""

    def __init__(self, model: Model, columns: Sequence[int]) -> None:
        self._columns = torch.tensor(columns, device=model.device)
        self._head = hf.output_head(model.module)

    @contextmanager
    def installed(self) -> Iterator[None]:
        """Cuts the projection inside, in threads that run a pass; others are as they were."""
        head = self._head
        if not _is_plain(head):
            yield
            return
        _cut(head)
        try:
            yield
        finally:
            _restore(head)

    def __call__(self, run: Run, ids: Tensor, wanted: Tensor) -> Tensor:
        """Returns the logits of the tokens at some positions, [wanted, columns]."""
        _PASS.rows, _PASS.columns, _PASS.shape = wanted, self._columns, ids.shape
        try:
            logits = run().flatten(0, 1)
        finally:
            _PASS.rows = None
        if len(logits) != len(wanted) or logits.shape[1] != len(self._columns):
            logits = logits[wanted][:, self._columns]
        return at_least_float32(logits)


def _is_plain(head: nn.Module | None) -> TypeGuard[nn.Linear]:
    """Returns whether a head computes what its weights say.

    Subclasses may hold their weights in another form, and hooks or a `forward` of its own may
    change what it returns.
    """
    if type(head) is not nn.Linear or hasattr(head, "_hf_hook"):
        return False
    with _SETTING:
        return not head._forward_hooks and (id(head) in _USERS or "forward" not in vars(head))


def at_least_float32(values: Tensor) -> Tensor:
    """Returns values in float32, or in their own dtype if that is wider."""
    return values.to(torch.promote_types(values.dtype, torch.float32))


def project_columns(head: nn.Linear, states: Tensor, columns: Tensor | Sequence[int]) -> Tensor:
    """Returns some columns of a head's projection, in at least float32, also under autocast."""
    with torch.autocast(states.device.type, enabled=False):
        states = at_least_float32(states)
        weight = head.weight[columns].to(states.dtype)
        bias = None if head.bias is None else head.bias[columns].to(states.dtype)
        return linear(states, weight, bias)


def _cut(head: nn.Linear) -> None:
    with _SETTING:
        users = _USERS.get(id(head), 0)
        _USERS[id(head)] = users + 1
        if not users:
            head.forward = _projection(head, head.forward)  # type: ignore[method-assign, assignment]


def _restore(head: nn.Linear) -> None:
    with _SETTING:
        _USERS[id(head)] -= 1
        if not _USERS[id(head)]:
            del _USERS[id(head)], head.forward


def _projection(head: nn.Linear, whole: Callable[[Tensor], Tensor]) -> Callable[[Tensor], Tensor]:
    """Returns the projection of `head`, cut to the positions and columns of the pass."""

    def project(states: Tensor) -> Tensor:
        rows = getattr(_PASS, "rows", None)
        if rows is None or states.shape[:2] != _PASS.shape:
            return whole(states)
        return project_columns(head, states.flatten(0, 1)[rows], _PASS.columns)[None]

    return project
