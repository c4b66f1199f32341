"""Sizes of tiny configs by the name of the field, and by family where a name is not enough."""

from __future__ import annotations

from typing import Any

HIDDEN, HEADS, HEAD, POSITIONS, WINDOW = 32, 4, 8, 64, 16

BY_VALUE: tuple[tuple[int, str], ...] = (
    (
        97,
        """
        vocab_size decoder_vocab_size unpadded_vocab_size vocab_size_per_layer_input
        shape_vocab_size pronunciation_vocab_size encoder_hash_byte_group_vocab
        """,
    ),
    (
        HIDDEN,
        """
        hidden_size n_embd d_model embed_dim emb_dim embedding_dim embedding_size
        input_embedding_size output_embedding_size word_embed_proj_dim dim_model_base
        hidden_size_global backbone_hidden_size lru_width attention_width out_hidden_size
        mlp_hidden_size text_hidden_size
        vision_output_dim projector_input_dim projector_output_dim adapter_in_dim
        adapter_out_dim conv_output_size downsample_hidden_size adapter_input_size
        """,
    ),
    (
        HEADS,
        """
        num_attention_heads n_head n_heads num_heads attention_heads decoder_attention_heads
        encoder_attention_heads num_decoder_attention_heads num_encoder_attention_heads
        swa_num_attention_heads linear_num_heads linear_num_value_heads n_mamba_heads
        index_n_heads num_query_groups num_experts n_routed_experts num_local_experts
        moe_num_experts zero_expert_num
        """,
    ),
    (
        2,
        """
        num_key_value_heads kv_n_heads num_kv_heads swa_num_key_value_heads
        num_global_key_value_heads linear_num_key_heads num_experts_per_tok
        num_experts_per_token moe_topk moe_k moe_top_k n_group topk_group num_expert_group
        depth temporal_patch_size n_recurrent_layers num_kv_shared_layers attn_layer_period
        layer_group_size sliding_window_pattern global_attn_every_n_layers
        full_attention_interval
        """,
    ),
    (
        1,
        """
        first_k_dense_replace num_dense_layers n_input_layers n_output_layers
        attn_layer_offset loop_layer_index_start
        """,
    ),
    # Heads of a state, which is twice as wide as the hidden size.
    (8, "mamba_n_heads mamba_num_heads"),
    (64, "mamba_d_ssm"),
    (
        HEAD,
        """
        head_dim d_kv d_head kv_channels dim_head rotary_dim qk_rope_head_dim
        qk_nope_head_dim swa_head_dim global_head_dim attention_head_size
        linear_key_head_dim linear_value_head_dim linear_head_dim mamba_d_head
        mamba_head_dim mamba_headdim index_head_dim mamba_d_state state_size ssm_state_size
        """,
    ),
    # Values narrower than keys, as in DeepSeek.
    (12, "v_head_dim swa_v_head_dim"),
    (
        16,
        """
        qk_head_dim q_lora_rank kv_lora_rank o_lora_rank hc_lowrank gated_norm_rank
        adapter_rank laurel_rank loop_gate_rank d_rel time_step_rank mamba_dt_rank
        hidden_size_per_layer_input shape_embed_dim pronunciation_embed_dim patch_size
        chunk_size mamba_chunk_size router_hidden_size num_position_embeddings
        """,
    ),
    (
        48,
        """
        intermediate_size n_inner ffn_dim d_ff dff dim_ff ffn_hidden_size decoder_ffn_dim
        encoder_ffn_dim moe_intermediate_size shared_expert_intermediate_size
        shared_experts_intermediate_size shared_intermediate_size expert_ffn_hidden_size
        dense_intermediate_size intermediate_size_mlp moe_shared_expert_intermediate_size
        mlp_dim feed_forward_size d_inner
        """,
    ),
    (
        POSITIONS,
        """
        max_position_embeddings n_positions n_ctx max_seq_len seq_length
        max_target_positions max_source_positions model_max_length context_length
        """,
    ),
    (
        WINDOW,
        """
        sliding_window sliding_window_size attention_window_size local_attention window_size
        attention_chunk_size keep_window_size local_attention_window_len
        """,
    ),
    (32, "image_size original_max_position_embeddings block_multiple_of"),
)
"""Values and the fields that get them, if the family's default has a number there."""

SIZES = {name: value for value, names in BY_VALUE for name in names.split()}

LAYERS = (
    "num_hidden_layers",
    "n_layer",
    "n_layers",
    "num_layers",
    "decoder_layers",
    "encoder_layers",
    "num_decoder_layers",
    "num_encoder_layers",
    "num_blocks",
    "layers",
)
"""Fields for the number of layers."""

PATTERNS = (
    "sliding_window_pattern",
    "global_attn_every_n_layers",
    "full_attention_interval",
    "attention_types",
)
"""Fields by which layers differ; with four layers, both kinds occur."""

TOKENS = ("bos_token_id", "eos_token_id", "pad_token_id")

ROPE = {"rope_type": "default", "rope_theta": 10000.0}

SECTIONS = {"rope_parameters": {**ROPE, "mrope_section": [2, 1, 1]}}
"""Frequencies for time, height and width; the default is for large heads."""

FAMILIES: dict[str, dict[str, Any]] = {
    # Its default has no frequencies, and its layers look them up by kind.
    "cohere_compass_text": {
        "rope_parameters": {"full_attention": SECTIONS["rope_parameters"]},
    },
    # Defaults that no checkpoint has and that do not run.
    "dots1": {"n_routed_experts": 4, "n_shared_experts": 1, "num_experts_per_tok": 2},
    "deepseek_v2": {"num_experts_per_tok": 2},
    "xmod": {"default_language": "en_XX"},
    "hunyuan_v1_dense": {"head_dim": HEAD},
    "hunyuan_v1_moe": {"head_dim": HEAD},
    "ministral": {"head_dim": HEAD},
    "nemotron": {"num_key_value_heads": 2},
    "lfm2_moe": {"rope_parameters": ROPE, "layer_types": ["conv", "full_attention"]},
    "qwen4_exp_text": {
        "indexer_n_heads": 2,
        "indexer_kv_heads": 1,
        "indexer_head_dim": HEAD,
        "indexer_budget": 16,
        "indexer_compress_ratio": 4,
    },
    # The length of LongRoPE, which the default does not use; `generate` drops the cache there.
    "phi3": {"original_max_position_embeddings": POSITIONS},
    "phi4_multimodal": {"original_max_position_embeddings": POSITIONS},
    # Defaults without any layer of attention.
    "bamba": {"attn_layer_indices": [1]},
    "granitemoehybrid": {"layer_types": ["linear_attention", "full_attention"]},
    "hunyuan_vl_text": {"head_dim": HEAD},
    "mistral4": {"head_dim": 16},
    "step3p5": {"sliding_window": WINDOW},
    "ernie4_5_vl_moe_text": SECTIONS,
    "glm4v_text": SECTIONS,
    "glm4v_moe_text": {
        "rope_parameters": {**ROPE, "partial_rotary_factor": 0.5, "mrope_section": [1, 1, 0]}
    },
    "glm_ocr_text": SECTIONS,
    "paddleocr_vl_text": SECTIONS,
    "qwen2_5_omni_text": SECTIONS,
    "qwen2_5_vl_text": SECTIONS,
    "qwen2_vl_text": SECTIONS,
    "reformer": {
        "is_decoder": True,
        "axial_pos_embds_dim": (16, 16),
        "axial_pos_shape": (8, 8),
        "attn_layers": ["local", "lsh"],
    },
    "inkling2_loop_text": {"n_layers_per_attn_res_block": 1, "loop_layer_index_end": 3},
    # As many heads of keys as of queries.
    "dots3_note_text": {"num_key_value_heads": HEADS, "per_layer_config": {}, "head_dim": 16},
    "zaya": {"num_experts_per_tok": 1},
    "mamba2": {"num_heads": 8},
    "zamba2": {"n_mamba_heads": 8},
    "zamba": {"layers_block_type": ["linear_attention", "hybrid"] * 2, "num_hidden_layers": 4},
    "dbrx": {"attn_config": {"rope_theta": 10000.0, "clip_qkv": 8}},
    "mllama_text_model": {"num_hidden_layers": 4, "cross_attention_layers": [3]},
    # All layers use the keys and values of another model.
    "gemma4_assistant": {
        "text_config": {
            "hidden_size_per_layer_input": 0,
            "vocab_size_per_layer_input": 0,
            "num_hidden_layers": 4,
            "num_kv_shared_layers": 4,
        }
    },
}
"""By model type, values for which field names are not enough."""
