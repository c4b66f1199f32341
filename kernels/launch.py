"""What the kernels share: Triton if it is installed, where a kernel runs, checks of tensors."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from importlib import import_module
from typing import Any

import torch
from torch import Tensor

WORDS = {1: torch.int8, 2: torch.int16, 4: torch.int32, 8: torch.int64}
"""By the bytes of an element, the integer dtype that moves it bit for bit."""


def _module(name: str) -> Any:
    try:
        return import_module(name)
    except ModuleNotFoundError:
        return None


triton = _module("triton")
tl = _module("triton.language")
INTERPRETED: bool = triton is not None and triton.knobs.runtime.interpret


def jit(**options: Any) -> Callable[[Callable[..., None]], Any]:
    """Returns `triton.jit` that specialises no parameter annotated `tl.int64` on its value.

    So lengths and strides never recompile a kernel. Without Triton the function stays as it is, and
    nothing calls it.
    """

    def decorate(function: Callable[..., None]) -> Any:
        if triton is None:
            return function
        numbers = [name for name, kind in function.__annotations__.items() if kind == "tl.int64"]
        return triton.jit(do_not_specialize=numbers, **options)(function)

    return decorate


def uses_triton(tensor: Tensor) -> bool:
    """Returns whether work on `tensor` goes to the Triton kernel, not to the torch reference."""
    return triton is not None and (tensor.is_cuda or INTERPRETED)


def launch(kernel: Any, grid: tuple[int, ...], first: Tensor, *rest: Any, **options: Any) -> None:
    """Runs `kernel` on the device of its first argument, with Triton's launch `options`.

    Fusing of multiply and add is off by default: Triton 3.9 warns if the option is left out.
    """
    options = {"enable_fp_fusion": False} | options
    with torch.cuda.device(first.device) if first.is_cuda else nullcontext():
        kernel[grid](first, *rest, **options)


def check_tensor(name: str, tensor: Tensor, dimensions: int) -> None:
    """Checks that `tensor` is one of this many dimensions, of elements that a kernel moves.

    Raises:
        TypeError: no tensor, or elements of more than 8 bytes.
        ValueError: another number of dimensions.
    """
    if not isinstance(tensor, Tensor):
        raise TypeError(f"{name} must be a tensor, got {type(tensor).__name__}")
    if tensor.dim() != dimensions:
        raise ValueError(f"{name} must have {dimensions} dimensions, got shape {shape(tensor)}")
    if tensor.dtype.itemsize not in WORDS:
        raise TypeError(f"{name} must have elements of at most 8 bytes, got {tensor.dtype}")


def check_index(name: str, tensor: Tensor, like: Tensor) -> None:
    """Checks that `tensor` is 1-D, int32 or int64, and on the device of `like`.

    Raises:
        TypeError: no tensor, or another dtype.
        ValueError: another number of dimensions or another device.
    """
    check_tensor(name, tensor, 1)
    if tensor.dtype not in (torch.int32, torch.int64):
        raise TypeError(f"{name} must be int32 or int64, got {tensor.dtype}")
    check_alike(name, tensor, device=like.device)


def check_alike(name: str, tensor: Tensor, **expected: object) -> None:
    """Checks that attributes of `tensor` have the expected values.

    Raises:
        TypeError: a wrong dtype.
        ValueError: another wrong attribute.
    """
    for attribute, value in expected.items():
        actual = getattr(tensor, attribute)
        if actual != value:
            error = TypeError if attribute == "dtype" else ValueError
            raise error(f"{name} must have {attribute} {value}, got {actual}")


def shape(tensor: Tensor) -> tuple[int, ...]:
    """Returns the shape as a plain tuple, for messages."""
    return tuple(tensor.shape)
