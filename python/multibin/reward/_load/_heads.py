"""Heads on the hidden states of a model: where they are, and in which precision they run."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call

from multibin.llm._load.eval_mode import eval_mode
from multibin.reward._formats._format import Format

NAMES: Mapping[str, tuple[str, ...]] = {
    "tokens": ("score", "classifier"),
    "sequence": ("score", "classifier"),
    "value": ("v_head", "value_head"),
}
"""Attributes of models, and beginnings of the names of their weights, by the kind of head."""


class WideHead(nn.Module):
    """A head that computes in at least float32, whatever the dtype of the states."""

    def __init__(self, inner: nn.Module, dtype: torch.dtype) -> None:
        super().__init__()
        self.inner = inner
        self.dtype = dtype

    def forward(self, hidden: Tensor) -> Tensor:
        """Returns logits [n, columns] of hidden states [n, hidden]."""
        with eval_mode(self.inner):
            # The weights of now: they may have changed since the head was found.
            return functional_call(self.inner, self._weights(), (hidden.to(self.dtype),))  # type: ignore[no-any-return]

    def _weights(self) -> dict[str, Tensor]:
        named = (*self.inner.named_parameters(), *self.inner.named_buffers())
        return {name: one.to(self.dtype) for name, one in named if one.is_floating_point()}


def widened(head: nn.Module, dtype: torch.dtype, device: torch.device) -> nn.Module:
    """Returns `head` for states of `dtype`, in evaluation mode."""
    return WideHead(head.to(device), torch.promote_types(dtype, torch.float32)).eval()


def find_head(source: Any, format: Format) -> nn.Module:
    """Returns the head of a model object, or of what wraps it.

    Raises:
        ValueError: no attribute with one of the names that such heads have.
    """
    for name in NAMES[format.head]:
        head = getattr(source, name, None)
        if isinstance(head, nn.Module):
            # A value head drops out and flattens around its projection.
            summary = getattr(head, "summary", None)
            return summary if isinstance(summary, nn.Module) else head
    children = [name for name, _ in source.named_children()]
    raise no_head(f"model: {type(source).__name__}", format, ", ".join(children))


def no_head(model: str, format: Format, found: str) -> ValueError:
    """Returns the error for a model without the head of a format."""
    names = " or ".join(repr(name) for name in NAMES[format.head])
    return ValueError(
        f"{model} must have a head of {format.head} named {names} "
        f"for the format {format.name!r}, got {found or 'nothing'}"
    )


def check_columns(model: str, format: Format, columns: int) -> None:
    """Refuses a head whose columns are not those of the format.

    Raises:
        ValueError: another number of columns.
    """
    if columns != len(format.labels):
        raise ValueError(
            f"{model} must have a head of {len(format.labels)} columns "
            f"({', '.join(format.labels)}) for the format {format.name!r}, got {columns}"
        )


def built_head(weights: Mapping[str, Tensor]) -> nn.Module:
    """Returns linear layers with these weights, and a ReLU between two of them.

    One layer has the names `weight` and `bias`. Several are numbered, with a number left out for
    each ReLU, as in Qwen2.5-Math-PRM: `0.weight`, `2.weight`.

    Raises:
        ValueError: other names, or shapes that do not follow each other.
    """
    numbers = sorted({_number(name) for name in weights})
    if numbers != list(range(0, 2 * len(numbers), 2)):
        raise ValueError(
            f"its head must be linear layers with ReLU between, got {_listed(weights)}"
        )
    layers: list[nn.Module] = []
    for number in numbers:
        layers += [nn.ReLU()] if layers else []
        layers.append(_linear(weights, number))
    return nn.Sequential(*layers)


def _number(name: str) -> int:
    """Returns the place of a layer in its sequence, 0 for a layer alone, -1 for other names."""
    first, _, rest = name.rpartition(".")
    known = rest in ("weight", "bias") and (not first or first.isdecimal())
    return int(first or 0) if known else -1


def _linear(weights: Mapping[str, Tensor], number: int) -> nn.Linear:
    named = {name.rpartition(".")[2]: w for name, w in weights.items() if _number(name) == number}
    weight, bias = named.get("weight"), named.get("bias")
    if weight is None or weight.dim() != 2 or (bias is not None and len(bias) != len(weight)):
        raise ValueError(f"layer {number} of its head must be linear, got {_listed(weights)}")
    layer = nn.Linear(weight.shape[1], weight.shape[0], bias=bias is not None, dtype=weight.dtype)
    layer.load_state_dict(named)
    return layer


def _listed(weights: Mapping[str, Tensor] | Iterable[str]) -> str:
    return ", ".join(sorted(weights))
