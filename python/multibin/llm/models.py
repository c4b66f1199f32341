"""Loading: a folder, a hub id or a transformers model, checked before anything runs."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from numbers import Integral
from pathlib import Path
from typing import Any, TypeAlias

import torch
from torch import Tensor
from transformers import AutoConfig, AutoModelForCausalLM
from transformers import PreTrainedModel as Module

from multibin.llm import hf
from multibin.llm.adapters import (
    adapter_base,
    check_adapters,
    is_wrapped,
    load_adapter,
    unwrapped,
)
from multibin.llm.architecture import check_class, check_config, context_of

ModelSource: TypeAlias = str | os.PathLike[str] | Module

SHOWN = 3
"""Missing weights that an error names."""

OWN_CODE = "it comes with code of its own, which runs with trust_remote_code=True only"

HUB_ID = re.compile(r"[\w-][\w.-]*(/[\w-][\w.-]*)?")


@dataclass(frozen=True)
class Model:
    """A causal language model in evaluation mode and what the engine must know of it."""

    module: Module
    form: hf.Form
    """How it is called."""
    device: torch.device
    vocabulary: int
    """Ids that its embedding has."""
    context: int
    """The most positions that it can be fed."""
    shortened: str
    """Why that is fewer than its config says; empty if it is not."""
    eos: frozenset[int]

    def prefill(self, ids: Tensor, cache: object) -> Tensor:
        """Feeds prompts, [rows, width] from position 0: the logits, [rows, width, vocab]."""
        where = hf.arange(ids) if self.form.prefill_positions else None
        return hf.logits(self.module, self.form, ids, cache, where)

    def decode(self, ids: Tensor, cache: object, positions: Tensor, mask: Tensor | None) -> Tensor:
        """Feeds one token a row, [rows, 1] at positions [rows, 1]: the logits, [rows, 1, vocab]."""
        where = positions if self.form.decode_positions else None
        return hf.logits(self.module, self.form, ids, cache, where, mask)


def load(
    source: ModelSource,
    *,
    device: str | torch.device | None = None,
    dtype: str | torch.dtype | None = None,
    trust_remote_code: bool = False,
) -> Model:
    """The model of `source`, in evaluation mode, its architecture checked first.

    Args:
        source: a local folder, a hub id, a transformers model, which is changed in place, or a PEFT
            model around one, whose adapters stay active.
        device: None: a model stays where it is, a loaded one goes to CUDA if there is one.
        dtype: None or "auto": of the checkpoint or the model.
        trust_remote_code: whether code that lies beside a checkpoint may run.

    Raises:
        TypeError: `source` or `dtype` of a wrong type.
        ValueError: no such folder, files that are corrupt or lack weights, or an architecture that
            the engine cannot run.
    """
    kind = check_dtype(dtype)
    place = check_device(device)
    if isinstance(source, str | os.PathLike):
        place = place or torch.device("cuda" if torch.cuda.is_available() else "cpu")
        module = _from_pretrained(source, kind, trust_remote_code).to(place)
    else:
        module = _placed(_inside(source), place, kind)
    return _model(module.eval())


def _inside(source: Any) -> Module:
    """The transformers model that `source` is or holds, checked."""
    module = unwrapped(source) if is_wrapped(source) else source
    if not isinstance(module, Module):
        raise TypeError(
            f"model must be a folder, a hub id or a transformers model, not {type(source).__name__}"
        )
    _check(module)
    if module is not source:
        check_adapters(source.eval(), module)
    return module


def _check(module: Module) -> None:
    check_class(type(module))
    check_config(module.config, type(module))


def _placed(module: Module, place: torch.device | None, dtype: torch.dtype | None) -> Module:
    """A model object where and as the caller asks for it."""
    if (place, dtype) == (None, None):
        return module
    if hf.is_offloaded(module):
        argument = "dtype" if place is None else "device"
        raise ValueError(
            f"{argument} must be None for a model with offloaded parts, which cannot be moved: "
            f"model: {type(module).__name__}"
        )
    module = module if dtype is None else _cast(module, dtype)
    return module if place is None else module.to(place)


def _model(module: Module) -> Model:
    name = f"model: {type(module).__name__}"
    if hf.device(module).type == "meta":
        raise ValueError(f"{name} has no weights: its parameters are on the meta device")
    vocabulary = hf.vocabulary(module)
    if vocabulary is None:
        raise ValueError(f"{name} has no single table of token embeddings: it reads no text ids")
    context = context_of(module.config)
    return Model(
        module=module,
        form=hf.forms(module)[0],
        device=hf.device(module),
        vocabulary=vocabulary,
        context=context.length,
        shortened=f"{name}: {context.shortened}" if context.shortened else "",
        eos=eos_ids(module.generation_config, hf.decoder(module.config)),
    )


def _from_pretrained(
    source: str | os.PathLike[str], dtype: torch.dtype | None, trust_remote_code: bool
) -> Module:
    name = check_location("model", source)
    # False, not None: transformers would ask on the terminal.
    trust = {"trust_remote_code": trust_remote_code}
    with loading("model", name):
        base = adapter_base(name)
        config = AutoConfig.from_pretrained(base or name, **trust)
    own_code = trust_remote_code and hf.has_own_code(config)
    if not own_code:
        check_config(config)
    with loading("model", name):
        module, found = AutoModelForCausalLM.from_pretrained(
            base or name,
            config=config,
            dtype=dtype or "auto",
            output_loading_info=True,
            # They are refused below, by name.
            ignore_mismatched_sizes=True,
            **trust,
        )
        _check_weights(found)
        if base is not None:
            load_adapter(module, name)
    if own_code:
        _check(module)
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
    """Turns whatever libraries raise for a bad file into a ValueError of one line. A lack of memory
    is raised as it comes.
    """
    try:
        yield
    except Exception as error:
        if out_of_memory(error):
            raise
        where = "" if Path(name).is_dir() else "there is no such folder, and from the hub: "
        reason = OWN_CODE if "trust_remote_code" in str(error) else first_line(error)
        raise ValueError(f"{argument}={name!r} does not load: {where}{reason}") from None


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
    try:
        torch.zeros(1, device=found).tolist()
    except Exception as error:
        raise ValueError(f"device={device!r} holds no values here: {first_line(error)}") from None
    return found


def eos_ids(*owners: object) -> frozenset[int]:
    """The end-of-sequence ids of the first owner that has any: one, or any collection of them."""
    for owner in owners:
        if ids := frozenset(_ids(getattr(owner, "eos_token_id", None))):
            return ids
    return frozenset()


def _ids(value: object) -> Iterator[int]:
    """The ids in a number, a tensor or array, or a collection of these; None and -1 are none."""
    if hasattr(value, "tolist"):
        value = value.tolist()
    if isinstance(value, Iterable) and not isinstance(value, str | bytes):
        for one in value:
            yield from _ids(one)
    elif isinstance(value, Integral) and not isinstance(value, bool) and int(value) >= 0:
        yield int(value)


def first_line(error: Exception) -> str:
    """What an error says, without the paragraphs that follow."""
    return (str(error).splitlines() or [type(error).__name__])[0]
