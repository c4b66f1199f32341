"""The one package that relies on what transformers does not promise.

It tells versions apart by what they can do, never by their number. From transformers itself the
engine imports only public names:

- the `Auto…` classes with `from_pretrained` and the keys of its loading info;
- `PreTrainedModel` with `can_generate`, `generate` and `load_adapter`; `PreTrainedConfig`;
- the fields of a generation config that `generation_config` names;
- tokenizers, and the classes of one model for the built-in one.

What else it relies on is reached through this package:

- `forward`: the cache is its argument `past_key_values`, `cache` or `cache_params`. The logits are
  element 0 of its output. `position_ids` may be taken by name or through `**kwargs`. Without a
  mask, attention is causal, so that padding on the right changes nothing before it.
- `generate` with `output_logits`: the logits of one row alone, to which `probe` compares.
- `Cache`: models call `update(keys, values, layer)`, `get_seq_length`, `get_mask_sizes`, and read
  `is_sliding`, `is_linear`, `is_dummy`, `is_compileable`. `cache_view` implements the first three.
- `DynamicCache`: without a config it grows by layers as they are used; their `keys` and `values`
  hold what was cached. With a config, its `layers` have a class for each kind.
- `DynamicLayer`, `DynamicSlidingWindowLayer.sliding_window`, `DYNAMIC_LAYER_TYPE_MAPPING`: which
  layers attend to everything, which to a window, and the names of the others.
- Configs, of all families: `get_text_config`, `is_encoder_decoder`, `layer_types`, `auto_map`,
  `_attn_implementation`, `_experts_implementation`, the names in `POSITIONS`.
- Configs, of positions: `rope_parameters`, flat or by kind of layer, and
  `original_max_position_embeddings`; `alibi`, and `model_type` for Bloom.
- Configs, of windows: `attention_layers` and `window_size` (GPT-Neo), `keep_window_size` (Doge).
- Configs, of quantised checkpoints: `quantization_config`, and `AUTO_QUANTIZER_MAPPING`.
- Models: `hf_quantizer`, `_is_stateful`, `_supports_attention_backend`, `get_input_embeddings`,
  `get_output_embeddings`.
- Masks: one of four dimensions is added to the scores as it is, where
  `_supports_attention_backend` is set and attention is "sdpa" or "eager".
- `AttentionInterface` and `AttentionMaskInterface`: an attention function is registered under a
  name, which `config._attn_implementation_internal` selects; `get_interface` returns it. It gets
  `scaling`, `softcap`, `s_aux` and `sliding_window` by name, and the keys as the cache returned
  them. A mask function that returns None is obeyed. `eager_attention_forward` in the module of a
  layer is its "eager".
- `AutoModelForCausalLM._model_mapping`: the class of a config.
- `transformers.utils.cached_file` with `_raise_exceptions_for_missing_entries`: a file of a hub id.
- accelerate's `_hf_hook.execution_device`: where an offloaded part computes.
"""

from __future__ import annotations

from multibin.llm._load.hf._attention import (
    Attend,
    Scores,
    UnfitAttentionError,
    attending,
    attention_installed,
    name_layer,
    takes_attention,
)
from multibin.llm._load.hf._cache import (
    FullCache,
    Recorder,
)
from multibin.llm._load.hf._config import (
    EMPTY,
    FULL,
    LOCAL,
    POSITIONS,
    SLIDING,
    WITHOUT_ATTENTION,
    Layer,
    causal_class,
    declares_layers,
    decoder,
    has_own_code,
    is_encoder_decoder,
    is_stateful,
    layers,
    longrope,
    positions,
    quantization,
)
from multibin.llm._load.hf._files import hub_file
from multibin.llm._load.hf._forward import (
    CACHE_ARGUMENTS,
    Form,
    arange,
    cache_argument,
    forms,
    logits,
    logits_alone,
    next_logits,
    takes_positions,
)
from multibin.llm._load.hf._module import (
    device,
    groups_experts,
    is_offloaded,
    is_quantized,
    output_head,
    takes_additive_mask,
    vocabulary,
)
from multibin.llm._load.hf._states import States, joined, moved, new_states, row_of

__all__ = [
    "CACHE_ARGUMENTS",
    "EMPTY",
    "FULL",
    "LOCAL",
    "POSITIONS",
    "SLIDING",
    "WITHOUT_ATTENTION",
    "Attend",
    "Form",
    "FullCache",
    "Layer",
    "Recorder",
    "Scores",
    "States",
    "UnfitAttentionError",
    "arange",
    "attending",
    "attention_installed",
    "cache_argument",
    "causal_class",
    "declares_layers",
    "decoder",
    "device",
    "forms",
    "groups_experts",
    "has_own_code",
    "hub_file",
    "is_encoder_decoder",
    "is_offloaded",
    "is_quantized",
    "is_stateful",
    "joined",
    "layers",
    "logits",
    "logits_alone",
    "longrope",
    "moved",
    "name_layer",
    "new_states",
    "next_logits",
    "output_head",
    "positions",
    "quantization",
    "row_of",
    "takes_additive_mask",
    "takes_attention",
    "takes_positions",
    "vocabulary",
]
