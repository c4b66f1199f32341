"""Formats of reward models by family, with their options, and what one's own is made of.

>>> from multibin.reward import formats
>>> formats.versaprm(labels=("no", "yes")).labels
('no', 'yes')
"""

from multibin.reward._formats import (
    Encoded,
    Format,
    Mark,
    Pair,
    columns,
    encode,
    format_of,
    math_psa,
    math_shepherd,
    outcome,
    positive_share,
    qwen_prm,
    rlhflow,
    rlhflow_mistral,
    rlhflow_orm,
    skywork,
    split,
    trl,
    verdict,
    versaprm,
)
from multibin.reward._formats._chat import chat_pieces

__all__ = [
    "Encoded",
    "Format",
    "Mark",
    "Pair",
    "chat_pieces",
    "columns",
    "encode",
    "format_of",
    "math_psa",
    "math_shepherd",
    "outcome",
    "positive_share",
    "qwen_prm",
    "rlhflow",
    "rlhflow_mistral",
    "rlhflow_orm",
    "skywork",
    "split",
    "trl",
    "verdict",
    "versaprm",
]
