"""What the kernels share: Triton where it is installed, where a kernel runs, argument checks."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from importlib import import_module
from operator import index
from typing import Any

import torch
from torch import Tensor

WORDS = {1: torch.int8, 2: torch.int16, 4: torch.int32, 8: torch.int64}
"""The integer dtype that moves elements of so many bytes, bit for bit."""


def _module(name: str) -> Any:
    try:
        return import_module(name)
    except ModuleNotFoundError:
        return None


triton = _module("triton")
tl = _module("triton.language")
INTERPRETED: bool = triton is not None and triton.knobs.runtime.interpret


def jit(**options: Any) -> Callable[[Callable[..., None]], Any]:
    """`triton.jit` in which no parameter annotated `tl.int64` is specialised on its value.

    So lengths and strides never recompile a kernel. Without Triton the function stays as it is,
    and nothing calls it.
    """

    def decorate(function: Callable[..., None]) -> Any:
        if triton is None:
            return function
        numbers = [name for name, kind in function.__annotations__.items() if kind == "tl.int64"]
        return triton.jit(do_not_specialize=numbers, **options)(function)

    return decorate


def uses_triton(tensor: Tensor) -> bool:
    """Whether work on `tensor` goes to the Triton kernel rather than to the torch reference."""
    return triton is not None and (tensor.is_cuda or INTERPRETED)


def launch(kernel: Any, grid: tuple[int, ...], first: Tensor, *rest: Any, **options: Any) -> None:
    """Runs `kernel` on the device of its first argument, with Triton's launch `options`.

    Fusing multiply and add is off unless asked for: Triton 3.9 warns where it is left open.
    """
    options = {"enable_fp_fusion": False} | options
    with torch.cuda.device(first.device) if first.is_cuda else nullcontext():
        kernel[grid](first, *rest, **options)


def check_size(name: str, value: int) -> int:
    """`value` as an int >= 0, or a TypeError or ValueError that names it."""
    if isinstance(value, bool) or not hasattr(value, "__index__") or isinstance(value, Tensor):
        raise TypeError(f"{name} must be an int on the host, not {value!r}")
    if (size := index(value)) < 0:
        raise ValueError(f"{name} must be >= 0, not {size}")
    return size


def check_tensor(name: str, tensor: Tensor, dimensions: int) -> None:
    """A TypeError or ValueError that names `tensor`, unless it has so many dimensions."""
    if not isinstance(tensor, Tensor):
        raise TypeError(f"{name} must be a tensor, not {type(tensor).__name__}")
    if tensor.dim() != dimensions:
        raise ValueError(f"{name} must have {dimensions} dimensions, not shape {shape(tensor)}")
    if tensor.dtype.itemsize not in WORDS:
        raise TypeError(f"{name} must have elements of at most 8 bytes, not {tensor.dtype}")


def check_index(name: str, tensor: Tensor, like: Tensor) -> None:
    """A TypeError or ValueError that names `tensor`, unless 1-D int32 or int64 beside `like`."""
    check_tensor(name, tensor, 1)
    if tensor.dtype not in (torch.int32, torch.int64):
        raise TypeError(f"{name} must be int32 or int64, not {tensor.dtype}")
    check_alike(name, tensor, device=like.device)


def check_alike(name: str, tensor: Tensor, **expected: object) -> None:
    """An error that names `tensor` and its first attribute that is not as expected.

    A wrong dtype is a TypeError, anything else a ValueError.
    """
    for attribute, value in expected.items():
        actual = getattr(tensor, attribute)
        if actual != value:
            error = TypeError if attribute == "dtype" else ValueError
            raise error(f"{name} must have {attribute} {value}, not {actual}")


def shape(tensor: Tensor) -> tuple[int, ...]:
    """The shape as a plain tuple, for messages."""
    return tuple(tensor.shape)
