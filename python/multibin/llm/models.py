"""Loading: a folder, a hub id or a transformers model, checked before anything runs."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import torch
from transformers import AutoConfig, AutoModelForCausalLM
from transformers import PreTrainedModel as Module

from multibin.llm.architecture import check_config, context_length
from multibin.llm.hf import cache_argument

ModelSource: TypeAlias = str | os.PathLike[str] | Module

SHOWN = 3
"""Missing weights that an error names."""

HUB_ID = re.compile(r"[\w-][\w.-]*(/[\w-][\w.-]*)?")


@dataclass(frozen=True)
class Model:
    """A causal language model in evaluation mode and what the engine must know of it."""

    module: Module
    device: torch.device
    vocabulary: int
    """Ids that its embedding has."""
    context: int
    """The most positions that it can be fed."""
    eos: frozenset[int]

    @property
    def cache_argument(self) -> str:
        """The argument of its `forward` that takes the cache."""
        return cache_argument(self.module.forward) or ""


def load(
    source: ModelSource,
    *,
    device: str | torch.device | None = None,
    dtype: str | torch.dtype | None = None,
) -> Model:
    """The model of `source`, in evaluation mode, its architecture checked first.

    Args:
        source: a local folder, a hub id, or a transformers model, which is changed in place.
        device: None: a model stays where it is, a loaded one goes to CUDA if there is one.
        dtype: None or "auto": of the checkpoint or the model.

    Raises:
        TypeError: `source` or `dtype` of a wrong type.
        ValueError: no such folder, files that are corrupt or lack weights, or an architecture that
            the engine cannot run.
    """
    kind = check_dtype(dtype)
    place = check_device(device)
    if isinstance(source, Module):
        check_config(source.config, type(source))
        module = source if kind is None else _cast(source, kind)
    elif isinstance(source, str | os.PathLike):
        module = _from_pretrained(source, kind)
        place = place or torch.device("cuda" if torch.cuda.is_available() else "cpu")
    else:
        raise TypeError(
            f"model must be a folder, a hub id or a transformers model, not {type(source).__name__}"
        )
    module = module.eval() if place is None else module.eval().to(place)
    return Model(
        module=module,
        device=module.device,
        vocabulary=_vocabulary(module),
        context=context_length(module.config),
        eos=eos_ids(module.generation_config, module.config.get_text_config(decoder=True)),
    )


def _from_pretrained(source: str | os.PathLike[str], dtype: torch.dtype | None) -> Module:
    name = check_location("model", source)
    with loading("model", name):
        config = AutoConfig.from_pretrained(name)
    check_config(config)
    with loading("model", name):
        module, found = AutoModelForCausalLM.from_pretrained(
            name,
            config=config,
            dtype=dtype or "auto",
            output_loading_info=True,
            # They are refused below, by name.
            ignore_mismatched_sizes=True,
        )
        _check_weights(found)
    return module


def _check_weights(found: Mapping[str, Any]) -> None:
    """ValueError unless every weight was read: transformers draws the others at random."""
    for key, read, expected in sorted(found["mismatched_keys"])[:1]:
        raise ValueError(f"{key} has shape {list(read)}, and the config says {list(expected)}")
    if missing := sorted(found["missing_keys"]):
        shown = ", ".join(missing[:SHOWN]) + (", …" if len(missing) > SHOWN else "")
        raise ValueError(f"{len(missing)} of its weights are missing: {shown}")


@contextmanager
def loading(argument: str, name: str) -> Iterator[None]:
    """Turns whatever libraries raise for a bad file into a ValueError of one line, but for the
    lack of memory.
    """
    try:
        yield
    except Exception as error:
        if out_of_memory(error):
            raise
        where = "" if Path(name).is_dir() else "there is no such folder, and from the hub: "
        message = f"{argument}={name!r} does not load: {where}{first_line(error)}"
        raise ValueError(message) from None


def out_of_memory(error: Exception) -> bool:
    """Whether `error` says so; on the CPU torch raises a plain RuntimeError."""
    cpu = isinstance(error, RuntimeError) and "DefaultCPUAllocator" in str(error)
    return cpu or isinstance(error, MemoryError | torch.OutOfMemoryError)


def _cast(module: Module, dtype: torch.dtype) -> Module:
    """`module.to(dtype)`, but rotary frequencies keep their precision, as in `from_pretrained`."""
    frequencies = {
        name: buffer for name, buffer in module.named_buffers() if name.endswith("inv_freq")
    }
    module.to(dtype=dtype)
    for name, buffer in frequencies.items():
        owner, _, leaf = name.rpartition(".")
        setattr(module.get_submodule(owner), leaf, buffer)
    return module


def check_location(name: str, source: str | os.PathLike[str]) -> str:
    """`source` as a string: an existing folder, or what may be a hub id.

    Raises:
        ValueError: neither; a path that does not exist never reaches the hub.
    """
    location = os.fspath(source)
    path = Path(location)
    if path.is_dir():
        return location
    below = len(path.parts) > 1 and Path(path.parts[0]).is_dir()
    if isinstance(source, os.PathLike) or below or not HUB_ID.fullmatch(location):
        raise ValueError(f"{name}={location!r}: there is no such folder")
    return location


def check_dtype(dtype: str | torch.dtype | None) -> torch.dtype | None:
    """`dtype` as a torch dtype.

    Raises:
        TypeError: neither a torch dtype nor a string.
        ValueError: not a floating-point dtype of torch.
    """
    if not isinstance(dtype, str | torch.dtype | None):
        raise TypeError(f"dtype must be a torch dtype or its name, not {dtype!r}")
    if dtype is None or dtype == "auto":
        return None
    found = getattr(torch, dtype, None) if isinstance(dtype, str) else dtype
    if isinstance(found, torch.dtype) and found.is_floating_point:
        return found
    raise ValueError(f"dtype must be a floating-point dtype such as 'bfloat16', not {dtype!r}")


def check_device(device: str | torch.device | None) -> torch.device | None:
    """`device` as a torch device; ValueError where torch knows none of that name."""
    if device is None:
        return None
    try:
        found = torch.device(device)
    except (RuntimeError, TypeError) as error:
        raise ValueError(f"device={device!r}: {first_line(error)}") from None
    if found.type == "cuda" and not torch.cuda.is_available():
        raise ValueError(f"device={device!r}: torch finds no CUDA device")
    return found


def _vocabulary(module: Module) -> int:
    weight: torch.Tensor = module.get_input_embeddings().weight
    return weight.shape[0]


def eos_ids(*owners: object) -> frozenset[int]:
    """The end-of-sequence ids of the first owner that has any."""
    for owner in owners:
        eos = getattr(owner, "eos_token_id", None)
        if eos is not None:
            return frozenset(eos if isinstance(eos, Iterable) else (eos,))
    return frozenset()


def first_line(error: Exception) -> str:
    """What an error says, without the paragraphs that follow."""
    return (str(error).splitlines() or [type(error).__name__])[0]
