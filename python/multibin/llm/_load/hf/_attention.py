"""The attention interface of transformers, through which the engine attends to its own cache."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Lock, local
from typing import Any, NamedTuple, Protocol

from torch import Tensor, nn
from transformers import AttentionInterface, PreTrainedConfig, PreTrainedModel
from transformers.masking_utils import ALL_MASK_ATTENTION_FUNCTIONS, AttentionMaskInterface
from transformers.modeling_utils import ALL_ATTENTION_FUNCTIONS

OWN = "multibin_"
"""Begins the names under which the engine's attention is registered; the model's own follows."""

ORIGINALS = ("sdpa", "eager")
"""Implementations that the engine's attention replaces while it runs."""

HARMLESS = {
    "dropout",
    "scaling",
    "softcap",
    "s_aux",
    "sliding_window",
    "position_ids",
    "use_cache",
    "output_attentions",
    "output_hidden_states",
    "is_causal",
    "cache_position",
}
"""Options of attention functions that the engine follows or may ignore; others change results."""


INTERFACE = "ALL_ATTENTION_FUNCTIONS"
"""The registry of attention functions, by the name that modules import it under."""

LAYER = "multibin_layer"
"""An attribute of keys: the index of their layer in the arena."""


class UnfitAttentionError(ValueError):
    """A layer attends in a way that the engine's attention does not compute."""


class Scores(NamedTuple):
    """How a layer turns products of queries and keys into weights."""

    scaling: float
    softcap: float | None
    """Scores s become softcap · tanh(s / softcap)."""
    sinks: Tensor | None
    """[heads]: a score a head that takes a share of the weight and has no value."""
    window: int | None
    """The window that the layer names, if any."""


class Attend(Protocol):
    """Computes attention of a layer, by its index in the arena.

    Keys and values are those of the new tokens, or with `any_keys` what the layer made of those
    that the cache returned.

    Queries are [rows, heads, tokens, dim], the result is [rows, tokens, heads, dim].
    """

    def __call__(
        self, layer: int, query: Tensor, key: Tensor, value: Tensor, scores: Scores, /
    ) -> Tensor: ...


class OwnName(str):
    """A name of the engine's attention. Copies and pickles of it are the name that it replaces.

    So a model that is copied or saved while an engine runs does not need the engine.
    """

    @property
    def original(self) -> str:
        """Returns the name that this one replaces."""
        return str.__str__(self).removeprefix(OWN)

    def __copy__(self) -> str:
        return self.original

    def __deepcopy__(self, memo: dict[int, Any]) -> str:
        return self.original

    def __reduce__(self) -> tuple[type[str], tuple[str]]:
        return str, (self.original,)


_PASS = local()
"""The pass that runs in this thread.

`attend` is its attention, `layer` the index of the layer that cached last, and `any_keys` says
whether attention may get other keys than the layer has cached.
"""

_SET: dict[int, tuple[PreTrainedConfig, str, int]] = {}
"""By the id of a config: the config, its own implementation, and how many engines replace it."""

_SETTING = Lock()


def takes_attention(model: PreTrainedModel) -> bool:
    """Returns whether the code of `model` calls the attention that its config names.

    Not all classes that do say so (`_supports_attention_backend`).
    """
    if _own(model.config) not in ORIGINALS:
        return False
    sources = {type(part).__module__ for part in model.modules()}
    return any(hasattr(sys.modules.get(source), INTERFACE) for source in sources)


@contextmanager
def attention_installed(model: PreTrainedModel) -> Iterator[None]:
    """Lets the layers of `model` call the engine's attention, where a thread is `attending`.

    In other threads, and outside of `attending`, they compute what they computed before.
    """
    configs = _configs(model)
    with _SETTING:
        for config in configs:
            _, name, users = _SET.get(id(config), (config, config._attn_implementation, 0))
            _SET[id(config)] = (config, name, users + 1)
            config._attn_implementation_internal = OwnName(OWN + name)
    try:
        yield
    finally:
        with _SETTING:
            for config in configs:
                _, name, users = _SET.pop(id(config))
                if users > 1:
                    _SET[id(config)] = (config, name, users - 1)
                else:
                    config._attn_implementation_internal = name


@contextmanager
def attending(attend: Attend, *, any_keys: bool = False) -> Iterator[None]:
    """Makes `attend` the attention of all layers that run in this thread.

    Args:
        attend: the function.
        any_keys: whether layers may attend to other keys than those that the cache returned, such
            as keys computed from cached latents. Each layer then attends right behind its update.
    """
    _PASS.attend, _PASS.any_keys, _PASS.layer = attend, any_keys, None
    try:
        yield
    finally:
        _PASS.attend = None


def name_layer(keys: Tensor, index: int) -> None:
    """Notes the layer of new keys on the tensor and in the pass, so that attention knows it."""
    setattr(keys, LAYER, index)
    _PASS.layer = index


def _own(config: PreTrainedConfig) -> str:
    """Returns the implementation that a config names without the engine."""
    return str(config._attn_implementation).removeprefix(OWN)


def _configs(model: PreTrainedModel) -> list[PreTrainedConfig]:
    """Returns each config of `model` and its parts that names a replaced implementation."""
    found = [getattr(part, "config", None) for part in model.modules()]
    configs = {id(c): c for c in found if isinstance(c, PreTrainedConfig)}
    return [config for config in configs.values() if _own(config) in ORIGINALS]


def _attention(original: str) -> Callable[..., Any]:
    """Returns the attention function that replaces `original`."""

    def attention(
        module: nn.Module,
        query: Tensor,
        key: Tensor,
        value: Tensor,
        attention_mask: Tensor | None,
        *arguments: Any,
        **options: Any,
    ) -> tuple[Tensor, Tensor | None]:
        attend: Attend | None = getattr(_PASS, "attend", None)
        if attend is None:
            function = _original(original, module)
            return function(  # type: ignore[no-any-return]
                module, query, key, value, attention_mask, *arguments, **options
            )
        if attention_mask is not None or arguments:
            raise UnfitAttentionError(f"{type(module).__name__} brings a mask of its own")
        layer = getattr(key, LAYER, _PASS.layer if _PASS.any_keys else None)
        if layer is None:
            raise UnfitAttentionError(f"{type(module).__name__} changes the keys that it caches")
        # Some layers view the result in another shape.
        if original == "sdpa":
            # Versions of transformers whose "sdpa" knows no soft cap leave it out.
            options.pop("softcap", None)
        result = attend(layer, query, key, value, _scores(module, query, options))
        return result.contiguous(), None

    return attention


def _scores(module: nn.Module, query: Tensor, options: dict[str, Any]) -> Scores:
    """Returns what the options of an attention function say.

    Raises:
        UnfitAttentionError: an option that changes the result in another way.
    """
    for name, option in options.items():
        if name not in HARMLESS and option is not None and isinstance(option, Tensor):
            raise UnfitAttentionError(f"{type(module).__name__} attends with {name}")
    if options.get("is_causal") is False:
        raise UnfitAttentionError(f"{type(module).__name__} is not causal")
    scaling = options.get("scaling")
    return Scores(
        query.shape[-1] ** -0.5 if scaling is None else scaling,
        options.get("softcap"),
        options.get("s_aux"),
        options.get("sliding_window"),
    )


def _original(name: str, module: nn.Module) -> Callable[..., Any]:
    """Returns the attention function that `module` calls without the engine."""
    source = sys.modules[type(module).__module__]
    eager = getattr(source, "eager_attention_forward", None)
    functions = getattr(source, INTERFACE, ALL_ATTENTION_FUNCTIONS)
    return functions.get_interface(name, eager)  # type: ignore[no-any-return]


def _mask(original: str) -> Callable[..., Any]:
    """Returns the mask function that replaces that of `original`: none while `attending`."""

    def mask(*arguments: Any, **options: Any) -> Any:
        if getattr(_PASS, "attend", None) is not None:
            return None
        return ALL_MASK_ATTENTION_FUNCTIONS[original](*arguments, **options)

    return mask


for _name in ORIGINALS:
    AttentionInterface.register(OWN + _name, _attention(_name))
    AttentionMaskInterface.register(OWN + _name, _mask(_name))
