"""For each format a tiny model in float64, its tokenizer, and its scores of one candidate."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import torch
from tests.reward.formats import vocabularies
from tests.reward.load.tiny import ProcessModel, ValueModel, build
from transformers import (
    AutoModel,
    AutoModelForCausalLM,
    AutoModelForSequenceClassification,
    AutoModelForTokenClassification,
    BertConfig,
    DeepseekV3Config,
    Gemma2Config,
    GPT2Config,
    LlamaConfig,
    MambaConfig,
    MistralConfig,
    Qwen2Config,
)

from multibin.reward import RewardModel
from multibin.reward import _formats as formats

Forward = Callable[[torch.Tensor], torch.Tensor]


@dataclass
class Family:
    """A model of a format, and its own forward pass: ids [1, width] to values [width, columns]."""

    format: formats.Format
    tokenizer: Any
    model: Any
    forward: Forward
    exact: float = 1e-9
    """How far scores may be from those of transformers, which may round to float32 on its way."""

    def reward_model(self, **options: Any) -> RewardModel:
        return RewardModel(self.model, self.tokenizer, format=self.format, **options)

    def close(self, found: Any, question: Any, candidate: Any) -> None:
        """Asserts that scores are those of the candidate alone."""
        alone = self.alone(question, candidate)
        assert found.dtype == alone.dtype
        np.testing.assert_allclose(found, alone, rtol=0, atol=self.exact)

    def alone(self, question: Any, candidate: Any) -> np.ndarray[Any, Any]:
        """Scores one candidate with nothing but transformers."""
        steps = formats.split(self.format, candidate)
        row = formats.encode(self.format, self.tokenizer, question, steps)
        with torch.inference_mode():
            values = self.forward(torch.tensor([row.ids]))[row.ends]
            if self.format.head == "vocabulary":
                values = values[:, formats.columns(self.format, self.tokenizer)]
            return self.format.score(values).numpy()


@cache
def family(name: str) -> Family:
    """Returns the family of a name in `NAMES`."""
    return MAKERS[name]()


def _causal(
    name: str, tokenizer: Any, config: Any = LlamaConfig, exact: float = 1e-9, **options: Any
) -> Family:
    model = _double(AutoModelForCausalLM, tokenizer, config, **options)
    form = formats.format_of(name)
    return Family(form, tokenizer, model, lambda ids: model(ids).logits[0], exact)


def _double(auto: Any, tokenizer: Any, config: Any, **options: Any) -> Any:
    sizes = {"vocab_size": len(tokenizer), "max_position_embeddings": 512} | options
    if config is GPT2Config:
        sizes["n_positions"] = sizes.pop("max_position_embeddings")
    return build(auto, config, **sizes).double()


def _llama() -> Any:
    return vocabularies.byte_level()


def _qwen() -> Any:
    return vocabularies.byte_level(bos=False, template=vocabularies.QWEN)


def _mistral() -> Any:
    return vocabularies.sentencepiece()


def _process() -> Family:
    tokenizer = _qwen()
    model = ProcessModel(_double(AutoModel, tokenizer, Qwen2Config)).double().eval()

    def forward(ids: torch.Tensor) -> torch.Tensor:
        values: torch.Tensor = model.score(model.model(ids)[0][0])
        return values

    return Family(formats.qwen_prm(), tokenizer, model, forward)


def _value() -> Family:
    tokenizer = _qwen()
    model = ValueModel(_double(AutoModelForCausalLM, tokenizer, Qwen2Config)).double().eval()

    def forward(ids: torch.Tensor) -> torch.Tensor:
        values: torch.Tensor = model.v_head.summary(model.pretrained_model.model(ids)[0][0])
        return values

    return Family(formats.skywork(), tokenizer, model, forward)


def _tokens() -> Family:
    tokenizer = _llama()
    model = _double(AutoModelForTokenClassification, tokenizer, LlamaConfig, num_labels=2)
    return Family(formats.trl(), tokenizer, model, lambda ids: model(ids).logits[0])


def _outcome() -> Family:
    tokenizer = _llama()
    model = _double(AutoModelForSequenceClassification, tokenizer, LlamaConfig, num_labels=1)

    def forward(ids: torch.Tensor) -> torch.Tensor:
        values: torch.Tensor = model(ids).logits.expand(ids.shape[1], -1)
        return values

    return Family(formats.outcome(), tokenizer, model, forward)


def _cross_encoder() -> Family:
    tokenizer = vocabularies.bert()
    model = _double(AutoModelForSequenceClassification, tokenizer, BertConfig, num_labels=1)

    def forward(ids: torch.Tensor) -> torch.Tensor:
        second = (ids == tokenizer.sep_token_id).cumsum(1).roll(1, 1)
        second[:, 0] = 0
        values: torch.Tensor = model(ids, token_type_ids=second).logits.expand(ids.shape[1], -1)
        return values

    return Family(formats.outcome(), tokenizer, model, forward)


GEMMA: dict[str, Any] = {
    "head_dim": 8,
    "num_key_value_heads": 1,
    "sliding_window": 24,
    "query_pre_attn_scalar": 8,
    "layer_types": ["sliding_attention", "full_attention"],
}
DEEPSEEK: dict[str, Any] = {
    "q_lora_rank": None,
    "kv_lora_rank": 8,
    "qk_rope_head_dim": 4,
    "qk_nope_head_dim": 4,
    "v_head_dim": 6,
    "n_routed_experts": 4,
    "num_experts_per_tok": 2,
    "n_group": 1,
    "topk_group": 1,
    "first_k_dense_replace": 1,
    "moe_intermediate_size": 8,
    "num_key_value_heads": 2,
    "experts_implementation": "eager",
}

MAKERS: dict[str, Callable[[], Family]] = {
    "versaprm": lambda: _causal("versaprm", _llama()),
    "versaprm, two tokens a mark": lambda: _causal(
        "versaprm", vocabularies.byte_level(mark="\n\n\n")
    ),
    "math-shepherd": lambda: _causal("math-shepherd", _mistral(), MistralConfig),
    "math-psa": lambda: _causal("math-psa", _qwen(), Qwen2Config),
    "qwen-prm": _process,
    "rlhflow": lambda: _causal("rlhflow", _llama()),
    "rlhflow-mistral": lambda: _causal("rlhflow-mistral", _mistral(), MistralConfig),
    "rlhflow-orm": lambda: _causal("rlhflow-orm", _llama()),
    "skywork": _value,
    "trl": _tokens,
    "outcome": _outcome,
    "outcome of an encoder": _cross_encoder,
    "verdict": lambda: _causal("verdict", _qwen(), Qwen2Config),
    "windows": lambda: _causal("versaprm", _llama(), Gemma2Config, 1e-7, **GEMMA),
    "latent attention": lambda: _causal("versaprm", _llama(), DeepseekV3Config, **DEEPSEEK),
    "learned positions": lambda: _causal("versaprm", _llama(), GPT2Config),
    "recurrent": lambda: _causal("versaprm", _llama(), MambaConfig, 1e-6),
}
NAMES = list(MAKERS)
