"""Costs of known models on known GPUs, computed from bytes, bandwidth and FLOPs."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import SupportsIndex

from multibin import _args
from multibin.costs._model import CostModel

__all__ = ["GPUS", "MODELS", "Gpu", "Hardware", "Model", "hardware"]

BYTES = 2
"""Bytes of a weight and of a cached number: bf16."""

BANDWIDTH_UTILISATION = 0.8
"""Share of the memory's peak bandwidth that decode steps reach."""

FLOPS_UTILISATION = 0.65
"""Share of the dense bf16 peak that matrix products reach, in prefill and in decode."""

MEMORY_UTILISATION = 0.9
"""Share of the memory that an engine uses: the default of vLLM's ``gpu_memory_utilization``."""

ACTIVATIONS = 2 * 10**9
"""Bytes on each GPU for activations, workspaces and captured graphs."""

PASS_OVERHEAD = 1e-3
"""Seconds of a pass in which the GPU waits: launches, sampling, the scheduler on the host."""

ALL_REDUCE = 10e-6
"""Seconds of an all-reduce between GPUs for one step; each layer has two."""

PARALLEL = (1, 2, 4, 8)
"""Numbers of GPUs over which the layers can be split: they divide the KV heads."""

NAME = re.compile(r"(?:(\d+)\s*x\s*)?([a-z]\d+)[-_ /]+(\d+b)", re.IGNORECASE)


@dataclass(frozen=True)
class Gpu:
    """A GPU by its datasheet.

    >>> from multibin.costs._hardware import GPUS
    >>> GPUS["H100"].bandwidth
    3350000000000.0
    """

    title: str
    memory: int
    """Bytes, as the driver reports them."""
    bandwidth: float
    """Bytes a second."""
    flops: float
    """Dense bf16 operations a second."""


@dataclass(frozen=True)
class Model:
    """The shape of a decoder, by its published config.

    >>> from multibin.costs._hardware import MODELS
    >>> MODELS["8B"].kv_bytes_per_token
    131072
    """

    title: str
    parameters: int
    embedding: int
    """Parameters of an embedding that is not the output head too: a step reads a row of it."""
    layers: int
    kv_heads: int
    head_dim: int

    @property
    def active(self) -> int:
        """Returns the parameters that a step reads, and multiplies for each row."""
        return self.parameters - self.embedding

    @property
    def kv_bytes_per_token(self) -> int:
        """Returns the bytes of one token's keys and values in all layers."""
        return 2 * self.layers * self.kv_heads * self.head_dim * BYTES


GPUS = {
    "A100": Gpu("A100 80GB SXM", 81920 * 2**20, 2.039e12, 312e12),
    "H100": Gpu("H100 80GB SXM", 81559 * 2**20, 3.35e12, 989e12),
    "H200": Gpu("H200 141GB SXM", 143771 * 2**20, 4.8e12, 989e12),
}

MODELS = {
    "1B": Model("Llama 3.2 1B", 1_235_814_400, 0, 16, 8, 64),
    "8B": Model("Llama 3.1 8B", 8_030_261_248, 128_256 * 4096, 32, 8, 128),
    "70B": Model("Llama 3.1 70B", 70_553_706_496, 128_256 * 8192, 80, 8, 128),
}


@dataclass(frozen=True)
class Hardware:
    """A model on one or several GPUs: what a batch takes, and what memory holds.

    >>> from multibin.costs import hardware
    >>> h100 = hardware("H100-8B")
    >>> f"{1e3 * h100.costs.step:.1f} ms a step", h100.kv_bytes_per_token
    ('6.6 ms a step', 131072)
    """

    name: str
    costs: CostModel
    """Seconds of a batch; a request is answered with its own last step."""
    weight_bytes: int
    """Bytes of the weights, on all GPUs together."""
    kv_bytes_per_token: int
    """Bytes that a token of a request takes in the KV cache, on all GPUs together."""
    kv_budget: int
    """Bytes that are left for the KV cache, on all GPUs together."""
    description: str
    """The inputs of the formula, in words."""


def hardware(name: str, *, context: SupportsIndex | None = None) -> Hardware:
    """Returns the costs of a model on GPUs, by their datasheets.

    A step reads the weights once, and the KV cache of each row. A row or a prompt token costs two
    operations for each parameter. ``docs/guides/costs.md`` has the formula, its sources, and how
    far it is from published measurements. A ``CostModel`` is a sum. A GPU hides products of few
    rows behind the reading of weights, so that up to some hundred rows the sum is too slow.

    Args:
        name: a GPU and a model, such as "H100-8B" or "2xH100-70B" (tensor parallel), in any case.
            GPUs are A100 (80 GB), H100 (80 GB) and H200, models 1B, 8B and 70B: the shapes of
            Llama 3 in bf16.
        context: tokens of the longest request, of which the KV cache has to hold one.

    Raises:
        TypeError: an argument has a wrong type.
        ValueError: the name is not known, or weights or context do not fit into the memory.

    >>> from multibin.costs import hardware
    >>> hardware("2xh100-70b").weight_bytes
    141107412992
    >>> hardware("H100-70B")
    Traceback (most recent call last):
    ValueError: H100-70B does not fit: it needs 141.1 GB of weights, ... 2xH100-70B fits
    """
    count, gpu_name, model_name = _parsed(name)
    gpu, model = GPUS[gpu_name], MODELS[model_name]
    title = _title(count, gpu_name, model_name)
    budget = _budget(count, gpu, model)
    if budget <= 0:
        raise ValueError(_too_large(count, gpu_name, model_name))
    if context is not None:
        _check_context(title, _args.integer("context", context, low=1), model, budget)
    return Hardware(
        name=title,
        costs=_costs(count, gpu, model),
        weight_bytes=_weight_bytes(model),
        kv_bytes_per_token=model.kv_bytes_per_token,
        kv_budget=budget,
        description=_description(count, gpu, model, budget),
    )


def _parsed(name: object) -> tuple[int, str, str]:
    """Returns the number of GPUs, the GPU and the model."""
    rule = (
        f"a GPU ({', '.join(GPUS)}) and a model ({', '.join(MODELS)}), such as 'H100-8B' or"
        " '2xH100-70B'"
    )
    if not isinstance(name, str):
        raise TypeError(_args.sentence("hardware", rule, name))
    found = NAME.fullmatch(name.strip())
    if found is None:
        raise ValueError(_args.sentence("hardware", rule, name))
    count, gpu, model = int(found[1] or 1), found[2].upper(), found[3].upper()
    if gpu not in GPUS or model not in MODELS or count not in PARALLEL:
        of = f"{rule}, on 1, 2, 4 or 8 GPUs" if count not in PARALLEL else rule
        raise ValueError(_args.sentence("hardware", of, name))
    return count, gpu, model


def _title(count: int, gpu: str, model: str) -> str:
    return f"{gpu}-{model}" if count == 1 else f"{count}x{gpu}-{model}"


def _weight_bytes(model: Model) -> int:
    return model.parameters * BYTES


def _usable(count: int, gpu: Gpu) -> int:
    return count * int(MEMORY_UTILISATION * gpu.memory)


def _budget(count: int, gpu: Gpu, model: Model) -> int:
    return _usable(count, gpu) - _weight_bytes(model) - count * ACTIVATIONS


def _costs(count: int, gpu: Gpu, model: Model) -> CostModel:
    bandwidth = count * BANDWIDTH_UTILISATION * gpu.bandwidth
    flops = count * FLOPS_UTILISATION * gpu.flops
    reduces = 2 * model.layers * ALL_REDUCE if count > 1 else 0.0
    product = 2 * model.active / flops
    return CostModel(
        fixed=PASS_OVERHEAD + reduces,
        prompt_token=product,
        step=model.active * BYTES / bandwidth + PASS_OVERHEAD + reduces,
        row_step=product,
        kv_token=model.kv_bytes_per_token / bandwidth,
        completes="row",
    )


def _too_large(count: int, gpu_name: str, model_name: str) -> str:
    gpu, model = GPUS[gpu_name], MODELS[model_name]
    usable = _usable(count, gpu) - count * ACTIVATIONS
    enough = next(n for n in PARALLEL if _budget(n, gpu, model) > 0)
    return (
        f"{_title(count, gpu_name, model_name)} does not fit: it needs"
        f" {_gb(_weight_bytes(model))} of weights, {_gb(usable)} usable of"
        f" {_gb(count * gpu.memory)}; {_title(enough, gpu_name, model_name)} fits"
    )


def _check_context(title: str, context: int, model: Model, budget: int) -> None:
    needed = context * model.kv_bytes_per_token
    if needed > budget:
        raise ValueError(
            f"{title} does not fit a context of {context} tokens: they need {_gb(needed)} of KV"
            f" cache, {_gb(budget)} left"
        )


def _description(count: int, gpu: Gpu, model: Model, budget: int) -> str:
    gpus = gpu.title if count == 1 else f"{count} x {gpu.title}, tensor parallel"
    left = budget // model.kv_bytes_per_token
    return (
        f"{model.title} in bf16 on {gpus}: {_gb(_weight_bytes(model))} of weights,"
        f" {gpu.bandwidth / 1e12:g} TB/s at {BANDWIDTH_UTILISATION:.0%},"
        f" {gpu.flops / 1e12:g} TFLOPS at {FLOPS_UTILISATION:.0%},"
        f" {1e3 * PASS_OVERHEAD:g} ms a pass; {model.kv_bytes_per_token:,} bytes of KV cache a"
        f" token, {_gb(budget)} left for {left:,} tokens; computed, not measured"
    )


def _gb(size: float) -> str:
    return f"{size / 1e9:.1f} GB"
