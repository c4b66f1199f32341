"""Device and dtype of a model: the arguments checked, the model moved and cast."""

from __future__ import annotations

import torch
from transformers import PreTrainedModel

from multibin._args import sentence
from multibin.llm._load import hf
from multibin.llm._load.failures import first_line


def default_device() -> torch.device:
    """Returns where a loaded model goes: CUDA if there is one, else the CPU."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def check_dtype(dtype: str | torch.dtype | None) -> torch.dtype | None:
    """Returns `dtype` as a torch dtype, None for None and "auto".

    Raises:
        TypeError: neither a torch dtype nor a string.
        ValueError: not a floating-point dtype of torch.
    """
    if not isinstance(dtype, str | torch.dtype | None):
        raise TypeError(sentence("dtype", "a torch dtype or its name", dtype))
    if dtype is None or dtype == "auto":
        return None
    found = getattr(torch, dtype, None) if isinstance(dtype, str) else dtype
    if isinstance(found, torch.dtype) and found.is_floating_point:
        return found
    raise ValueError(sentence("dtype", "a floating-point dtype such as 'bfloat16'", dtype))


def check_device(device: str | torch.device | None) -> torch.device | None:
    """Returns `device` as a torch device that holds values here.

    Raises:
        ValueError: torch does not know the device, has none of its kind, or cannot use it.
    """
    if device is None:
        return None
    try:
        found = torch.device(device)
    except (RuntimeError, TypeError) as error:
        raise _unfit("a device of torch", device, first_line(error)) from None
    if found.type == "cuda" and not torch.cuda.is_available():
        raise _unfit("a device of this machine", device, "torch finds no CUDA device")
    try:
        torch.zeros(1, device=found).tolist()
    except Exception as error:
        raise _unfit("a device that holds values", device, first_line(error)) from None
    return found


def _unfit(rule: str, device: str | torch.device, reason: str) -> ValueError:
    return ValueError(f"{sentence('device', rule, device)}: {reason}")


def placed(
    module: PreTrainedModel, device: torch.device | None, dtype: torch.dtype | None
) -> PreTrainedModel:
    """Moves and casts a model object in place, and returns it; None leaves it as it is.

    Raises:
        ValueError: parts of the model are offloaded.
    """
    if (device, dtype) == (None, None):
        return module
    if hf.is_offloaded(module):
        name, value = ("dtype", dtype) if device is None else ("device", device)
        raise ValueError(
            f"{name} must be None for a model with offloaded parts, got {value}: "
            f"{type(module).__name__} cannot be moved"
        )
    module = module if dtype is None else _cast(module, dtype)
    return module if device is None else module.to(device)


def moved(module: PreTrainedModel, device: torch.device) -> PreTrainedModel:
    """Moves a loaded model; one that is quantised stays where its method has put it."""
    if hf.is_quantized(module) and hf.device(module).type == device.type:
        return module
    return module.to(device)


def _cast(module: PreTrainedModel, dtype: torch.dtype) -> PreTrainedModel:
    """Casts all but rotary frequencies, which keep their precision, as in `from_pretrained`."""
    frequencies = {
        name: buffer for name, buffer in module.named_buffers() if name.endswith("inv_freq")
    }
    module.to(dtype=dtype)
    for name, buffer in frequencies.items():
        owner, _, leaf = name.rpartition(".")
        setattr(module.get_submodule(owner), leaf, buffer)
    return module
